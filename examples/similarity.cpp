// Does a video sound the way it looks? Prints, once a second, the cosine of the picture's and the sound's embeddings,
// by a network that puts both in one space (AVE-Net).
//
//   similarity MODEL VIDEO
#include <avsound/avsound.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

template <auto Free> struct Deleter {
    template <class T> void operator()(T *object) const
    {
        Free(object);
    }
};
using Context = std::unique_ptr<avsound_context, Deleter<avsound_context_free>>;
using Model = std::unique_ptr<avsound_model, Deleter<avsound_model_free>>;
using Scan = std::unique_ptr<avsound_scan, Deleter<avsound_scan_free>>;

static void check(avsound_status status)
{
    if (status != AVSOUND_OK)
        throw std::runtime_error(std::string(avsound_status_text(status)) + ": " + avsound_error_detail());
}

// Every creator stores its object through its last argument.
template <class Owner, class Create, class... Arguments> static Owner make(Create create, Arguments... arguments)
{
    typename Owner::pointer object = nullptr;
    check(create(arguments..., &object));
    return Owner(object);
}

static Scan open_scan(const Model &model, const char *video)
{
    avsound_scan_options options;
    avsound_scan_options_init(&options, sizeof options);
    options.what = AVSOUND_SCAN_EMBED_IMAGE | AVSOUND_SCAN_EMBED_AUDIO;
    options.precision = AVSOUND_PRECISION_AUTO;
    options.hop_seconds = 1;
    return make<Scan>(avsound_scan_create, model.get(), video, &options);
}

static double cosine(const float *a, const float *b, int32_t dimension)
{
    double ab = 0, aa = 0, bb = 0;
    for (int32_t i = 0; i < dimension; i++) {
        ab += double(a[i]) * b[i];
        aa += double(a[i]) * a[i];
        bb += double(b[i]) * b[i];
    }
    return ab / std::sqrt(aa * bb);
}

static void print_similarity(const char *model_path, const char *video)
{
    const Context context = make<Context>(avsound_context_create, nullptr);
    const Model model = make<Model>(avsound_model_load, context.get(), model_path);
    const Scan scan = open_scan(model, video);
    avsound_scan_result r{};
    r.struct_size = sizeof r;
    avsound_status status;
    while ((status = avsound_scan_next(scan.get(), &r)) == AVSOUND_OK)
        std::printf("%8.2f s  %7.4f\n", double(r.time_us) / 1e6,
                    cosine(r.embedding_image, r.embedding_audio, r.dimension));
    if (status != AVSOUND_E_END)
        check(status);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        std::fprintf(stderr, "usage: similarity MODEL VIDEO\n");
        return 2;
    }
    try {
        print_similarity(argv[1], argv[2]);
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "similarity: %s\n", error.what());
        return 1;
    }
}
