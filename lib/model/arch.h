/* The architectures: each is one file that builds a graph and nothing else. */
#ifndef AVSN_ARCH_H
#define AVSN_ARCH_H

#include "graph/graph.h"

/* A network reads what its inputs and layers have a use for: those of a picture and its spectrogram, or those of a clip, its
 * frames and its waveform or spectrogram. */
typedef struct avsn_build_config {
    int64_t batch;
    int64_t sounds;       /* items in succession that show the same frames, of which the input has one; 0: 1 */
    double width;         /* multiplies channel counts: of the convolution stacks, heads keep theirs; of a clip's network, all
                             but those of the sound alone and of the u-net */
    int64_t image_height, image_width; /* of a picture, or of each frame */

    int32_t conv1_stride;  /* of the first convolution of each stack: 2, or 1 as in the ICCV 2017 L3-Net */
    int64_t bins, columns; /* of the spectrogram; a separator's lacks the last bin, half the sampling rate */

    double audio_width;    /* multiplies the channel counts of the sound alone */
    int32_t conv5_stride;  /* in the picture: 2, or 1 for maps of twice the size */
    int64_t frames, samples; /* of a clip */
    int64_t lags;            /* frames by which sound and pictures may be apart, either way */
    bool cells;              /* of a network that compares lags: its one output is what moves in each cell of the picture */
    bool norm_weight;        /* batch norms have weights */
    int64_t classes;         /* to recognise; 0: none */
    bool vision_only;        /* of recognition: what was heard counts as zeros */
    double unet_width;       /* multiplies the channel counts of a separator's u-net */
    float decibels;          /* of a separator's spectrogram: from a level of 0 to 1 */

    int64_t pool_rows, pool_columns; /* of the last layer's cells, those that make one of the embedding's */
} avsn_build_config;

typedef struct avsn_arch {
    const char *name;
    const char *citation;
    bool aligned; /* embeddings of pictures and sounds can be compared with each other */
    bool map;     /* has the output "map" */
    int32_t around; /* of a picture and a spectrogram: sees so many frames of 25 Hz before and behind it, too: as "frames", or */
    bool flow;      /* as the "flow" between them, beside the "image" */
    bool clip;    /* sees "frames", rather than an "image", and hears a "waveform", rather than a "spectrogram" */
    bool lags;    /* of a clip: hears a "spectrogram" all the same, and compares the two at every lag (syncnet.h) */
    bool in_time; /* of a clip: "score" and "cam" tell whether, and where, sound and pictures are in time with each other */
    bool separates; /* a clip's sound in two, from its "spectrogram" */
    bool masks;     /* of those that separate: results are shares of the mixture */
    bool blind;     /* sees nothing */
    bool deaf;      /* hears nothing */
    bool pools;     /* its embedding has cells, channels of each together */
    int32_t conv1_stride, conv5_stride; /* defaults */
    void (*build)(avsn_graph *graph, const avsn_build_config *config);
} avsn_arch;

int32_t avsn_arch_count(void);
const avsn_arch *avsn_arch_at(int32_t index);
const avsn_arch *avsn_arch_find(const char *name); /* NULL if unknown */

extern const avsn_arch avsn_arch_l3net, avsn_arch_avenet, avsn_arch_avolnet, avsn_arch_multisensory, avsn_arch_syncnet,
    avsn_arch_separator, avsn_arch_separator_pit, avsn_arch_masknet, avsn_arch_masknet_pit, avsn_arch_openl3_audio,
    avsn_arch_openl3_image, avsn_arch_avenet_frames, avsn_arch_avenet_flow;

#endif
