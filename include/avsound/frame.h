/** @file frame.h
 *  Borrowed views of pictures, sound and tensors, in the formats that cameras, decoders and arrays come in. */
#ifndef AVSOUND_FRAME_H
#define AVSOUND_FRAME_H

#include <avsound/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Pixel formats of avsound_frame. Planes as in FFmpeg's formats of the same name. Since 0.1. */
enum {
    AVSOUND_PIXEL_RGB24 = 1,   /**< packed R G B */
    AVSOUND_PIXEL_BGR24 = 2,   /**< packed B G R */
    AVSOUND_PIXEL_RGBA = 3,    /**< packed R G B A, alpha ignored */
    AVSOUND_PIXEL_BGRA = 4,    /**< packed B G R A, alpha ignored */
    AVSOUND_PIXEL_GRAY8 = 5,   /**< one plane of luminance, full range unless `range` says otherwise */
    AVSOUND_PIXEL_YUV420P = 6, /**< planes Y, U, V; chroma halved both ways */
    AVSOUND_PIXEL_NV12 = 7,    /**< planes Y, interleaved UV; chroma halved both ways */
    AVSOUND_PIXEL_YUV422P = 8, /**< planes Y, U, V; chroma halved in width */
    AVSOUND_PIXEL_YUYV422 = 9, /**< packed Y U Y V */
    AVSOUND_PIXEL_YUV444P = 10 /**< planes Y, U, V */
};

/** Range of the Y, U and V values. Since 0.1. */
enum {
    AVSOUND_RANGE_DEFAULT = 0, /**< limited for YUV, full for grey and RGB */
    AVSOUND_RANGE_LIMITED = 1, /**< 16...235 (chroma 16...240) */
    AVSOUND_RANGE_FULL = 2     /**< 0...255 */
};

/** Matrix between YUV and RGB. Since 0.1. */
enum {
    AVSOUND_MATRIX_DEFAULT = 0, /**< BT.709 from 720 lines up, else BT.601 */
    AVSOUND_MATRIX_BT601 = 1,
    AVSOUND_MATRIX_BT709 = 2,
    AVSOUND_MATRIX_BT2020 = 3
};

/** A picture in memory, in the manner of FFmpeg's AVFrame: the caller's memory, only read. Upright, square pixels.
 *  Initialise to zero, then set struct_size and the rest. Since 0.1. */
typedef struct avsound_frame {
    uint32_t struct_size;  /**< sizeof of this struct in the caller's build */
    int32_t format;        /**< AVSOUND_PIXEL_ constant */
    int32_t width;         /**< pixels, at least 1 */
    int32_t height;        /**< pixels, at least 1 */
    const uint8_t *data[4]; /**< first byte of each plane's top row */
    int32_t stride[4];     /**< bytes from one row to the next; negative for bottom-up pictures */
    int32_t range;         /**< AVSOUND_RANGE_ constant */
    int32_t matrix;        /**< AVSOUND_MATRIX_ constant */
    int64_t time_us;       /**< presentation time in microseconds, 0 if it does not matter */
} avsound_frame;

/** Sample formats of avsound_audio: s16 full scale 32768, s32 full scale 2^31, floats nominal -1...1, at most 1e12 either
 *  way. Since 0.1. */
enum {
    AVSOUND_SAMPLE_F32 = 1,
    AVSOUND_SAMPLE_S16 = 2,
    AVSOUND_SAMPLE_S32 = 3,
    AVSOUND_SAMPLE_F64 = 4
};

/** A stretch of sound in memory: the caller's memory, only read. Since 0.1. */
typedef struct avsound_audio {
    uint32_t struct_size;  /**< sizeof of this struct in the caller's build */
    int32_t format;        /**< AVSOUND_SAMPLE_ constant */
    int32_t sample_rate;   /**< Hz, at least 1 */
    int32_t channels;      /**< at least 1 */
    int32_t planar;        /**< 0: samples [frames][channels] at data; 1: planes[c] holds channel c */
    int32_t reserved;      /**< 0 */
    int64_t frames;        /**< samples per channel */
    const void *data;      /**< interleaved samples, when planar is 0 */
    const void *const *planes; /**< one pointer a channel, when planar is 1 */
    int64_t time_us;       /**< time of the first sample in microseconds, 0 if it does not matter */
} avsound_audio;

/** Most dimensions of a tensor. Since 0.1. */
#define AVSOUND_MAX_RANK 6

/** Element types of avsound_tensor. Since 0.1. */
enum {
    AVSOUND_DTYPE_F32 = 1,
    AVSOUND_DTYPE_BF16 = 2,
    AVSOUND_DTYPE_S32 = 3,
    AVSOUND_DTYPE_S8 = 4,
    AVSOUND_DTYPE_U8 = 5
};

/** A dense array in memory, row-major. Since 0.1. */
typedef struct avsound_tensor {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build */
    int32_t dtype;        /**< AVSOUND_DTYPE_ constant */
    int32_t rank;         /**< 0...AVSOUND_MAX_RANK */
    int32_t reserved;     /**< 0 */
    int64_t shape[AVSOUND_MAX_RANK]; /**< outermost first */
    const void *data;     /**< contiguous elements, borrowed; read-only */
} avsound_tensor;

#ifdef __cplusplus
}
#endif
#endif
