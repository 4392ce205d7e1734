/* Models that begin with another's weights: what is copied, what is drawn, what is refused. */
#include "failing.h"
#include "network/network.h"

#define CLIP(frames, rate)                                                                                        \
    "{\"width\":0.0625,\"audio_width\":0.0625,\"image\":{\"width\":32,\"height\":32,\"short_side\":36}," \
    "\"clip\":{\"frames\":" #frames ",\"frame_rate\":" #rate ",\"sample_rate\":8000}}"
#define SEPARATOR                                                                                                 \
    "{\"width\":0.0625,\"audio_width\":0.0625,\"unet_width\":0.0625,"                                        \
    "\"image\":{\"width\":32,\"height\":32,\"short_side\":36}}"

static const char stage1[] = CLIP(8, 7.5), stage2[] = CLIP(32, 30);
static const char restart[] = "conv2_2_,conv3_2_,conv4_2_,conv5_2_";

static avsound_context *context;

static avsound_model *create(const char *arch, const char *config, uint64_t seed)
{
    avsound_model *model;
    if (!context)
        ck_avsound(avsound_context_create(NULL, &context));
    ck_avsound(avsound_model_create(context, arch, config, seed, &model));
    return model;
}

/* A network whose every tensor differs from those that any seed draws, batch norms among them. */
static avsound_model *create_strange(const char *arch, const char *config)
{
    avsound_model *model = create(arch, config, 11);
    for (int32_t i = 0; i < model->params.count; i++) {
        const avsn_named_tensor *item = &model->params.items[i];
        int64_t count;
        avsn_shape_count(&item->shape, &count);
        for (int64_t k = 0; k < count; k++)
            model->storage[item->data - model->storage + k] += 0.25f;
    }
    return model;
}

static bool same(const avsn_named_tensor *a, const avsn_named_tensor *b)
{
    int64_t count;
    avsn_shape_count(&a->shape, &count);
    return b && avsn_shape_equal(&a->shape, &b->shape) && !memcmp(a->data, b->data, (size_t)count * sizeof *a->data);
}

static bool restarts(const char *name)
{
    return strstr(name, "conv2_2_") || strstr(name, "conv3_2_") || strstr(name, "conv4_2_") || strstr(name, "conv5_2_");
}

/* The release's: all of stage 1 but these blocks, which have two convolutions and two batch norms each. */
START_TEST(a_second_stage_takes_all_but_what_is_excepted)
{
    avsound_model *first = create_strange("multisensory", stage1), *fresh = create("multisensory", stage2, 7), *second;
    int32_t taken = -1, copied = 0, anew = 0;
    ck_avsound(avsound_model_create_from(first, NULL, stage2, 7, restart, &taken, &second));
    ck_assert_str_eq(avsound_model_config(second), avsound_model_config(fresh));
    for (int32_t i = 0; i < second->params.count; i++) {
        const avsn_named_tensor *item = &second->params.items[i];
        const bool excepted = restarts(item->name);
        ck_assert_msg(same(item, avsn_params_find(excepted ? &fresh->params : &first->params, item->name)), "%s", item->name);
        anew += excepted;
        copied += !excepted;
    }
    ck_assert_int_eq(taken, copied);
    ck_assert_int_eq(anew, 4 * (1 + 3 + 2 + 3));
    ck_assert_int_eq(avsound_model_is_trained(second), 0);
    ck_assert_ptr_nonnull(strstr(avsound_model_metadata(second, "source"), "102 of 138 tensors of another multisensory"));
    avsound_model_free(second);
    avsound_model_free(fresh);
    avsound_model_free(first);
}
END_TEST

START_TEST(without_configuration_it_is_the_others)
{
    avsound_model *first = create_strange("multisensory", stage1), *again;
    int32_t taken;
    ck_avsound(avsound_model_create_from(first, NULL, NULL, 7, NULL, &taken, &again));
    ck_assert_int_eq(taken, 138);
    ck_assert_str_eq(avsound_model_config(again), avsound_model_config(first));
    for (int32_t i = 0; i < taken; i++)
        ck_assert(same(&again->params.items[i], &first->params.items[i]));
    avsound_model_free(again);
    avsound_model_free(first);
}
END_TEST

static bool begins(const char *name, const char *with)
{
    return !strncmp(name, with, strlen(with));
}

/* Its 31 weights of batch norms, which the alignment network has not, begin at 1; the u-net as it always does. */
START_TEST(a_separator_begins_with_an_alignment_network)
{
    avsound_model *alignment = create_strange("multisensory", stage1), *fresh = create("separator", SEPARATOR, 3), *separator;
    int32_t taken, ones = 0, drawn = 0;
    ck_avsound(avsound_model_create_from(alignment, "separator", SEPARATOR, 3, NULL, &taken, &separator));
    for (int32_t i = 0; i < separator->params.count; i++) {
        const avsn_named_tensor *item = &separator->params.items[i], *theirs = avsn_params_find(&alignment->params, item->name);
        ck_assert_msg(same(item, theirs ? theirs : avsn_params_find(&fresh->params, item->name)), "%s", item->name);
        if (theirs)
            continue;
        for (int64_t k = 0; !begins(item->name, "gen.") && k < item->shape.dim[0]; k++)
            ck_assert_float_eq(item->data[k], 1);
        ones += !begins(item->name, "gen.");
        drawn += begins(item->name, "gen.");
    }
    ck_assert_int_eq(taken, 138);
    ck_assert_int_eq(ones, 31);
    ck_assert_int_gt(drawn, 80);
    avsound_model_free(separator);
    avsound_model_free(fresh);
    avsound_model_free(alignment);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
    avsound_model *first = create("multisensory", stage1, 1), *other = create("ave-net", "{\"width\":0.0625}", 1), *out;
    const avsound_status invalid = AVSOUND_E_INVALID_ARGUMENT;
    ck_refused(avsound_model_create_from(first, NULL, stage2, 1, "conv2_2_,conv7", NULL, &out), invalid,
               "except: \"conv7\" is in the name of none of multisensory's 138 tensors");
    ck_assert_ptr_null(out);
    ck_refused(avsound_model_create_from(first, NULL, stage2, 1, "conv2_2_,,sf", NULL, &out), invalid, "an empty word");
    ck_refused(avsound_model_create_from(first, NULL, stage2, 1, "", NULL, &out), invalid, "an empty word");
    ck_refused(avsound_model_create_from(first, NULL, stage2, 1, "im.,sf.,joint", NULL, &out), invalid, "none of multisensory's");
    ck_refused(avsound_model_create_from(other, "multisensory", stage2, 1, NULL, NULL, &out), invalid,
               "is taken from the ave-net to begin with");
    ck_refused(avsound_model_create_from(first, NULL, "{\"width\":0.125,\"audio_width\":0.0625}", 1, NULL, NULL, &out),
               AVSOUND_E_SHAPE, "in the model to begin with, multisensory of this configuration wants (");
    ck_refused(avsound_model_create_from(first, NULL, "{\"wide\":1}", 1, NULL, NULL, &out), invalid, "wide");
    ck_refused(avsound_model_create_from(first, "renet", NULL, 1, NULL, NULL, &out), invalid, "renet");
    ck_refused(avsound_model_create_from(NULL, NULL, NULL, 1, NULL, NULL, &out), invalid, "from is NULL");
    ck_refused(avsound_model_create_from(first, NULL, NULL, 1, NULL, NULL, NULL), invalid, "out is NULL");
    avsound_model_free(other);
    avsound_model_free(first);
}
END_TEST

START_TEST(refused_allocations_leave_nothing)
{
    failing f;
    context = failing_context(&f);
    avsound_model *first = create("multisensory", stage1, 1), *out;
    ck_survives_refusals(&f, avsound_model_create_from(first, NULL, stage2, 1, restart, NULL, &out), avsound_model_free(out));
    avsound_model_free(first);
    avsound_context_free(context);
    ck_assert_int_eq(f.held, 0);
}
END_TEST

SUITE("api.model_from", a_second_stage_takes_all_but_what_is_excepted, without_configuration_it_is_the_others,
      a_separator_begins_with_an_alignment_network, what_makes_no_sense_is_refused, refused_allocations_leave_nothing)
