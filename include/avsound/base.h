/** @file base.h
 *  Status codes, error detail, version and the context: the parent of everything else. */
#ifndef AVSOUND_BASE_H
#define AVSOUND_BASE_H

#include <stddef.h>
#include <stdint.h>

#include <avsound/version.h>

#if defined(__GNUC__)
#define AVSOUND_API __attribute__((visibility("default")))
#define AVSOUND_CHECK __attribute__((warn_unused_result))
#else
#define AVSOUND_API
#define AVSOUND_CHECK
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Result of a call: 0 is success, negatives are the AVSOUND_E_ constants. Since 0.1. */
typedef int32_t avsound_status;

/** Status codes. Their numbers never change meaning. Since 0.1. */
enum {
    AVSOUND_OK = 0,
    AVSOUND_E_INVALID_ARGUMENT = -1, /**< a caller's mistake: NULL, out of range, unknown name */
    AVSOUND_E_NO_MEMORY = -2,        /**< the allocator refused */
    AVSOUND_E_IO = -3,               /**< a file could not be opened, read, written or renamed */
    AVSOUND_E_FORMAT = -4,           /**< a file's content is not what its format demands */
    AVSOUND_E_UNSUPPORTED = -5,      /**< valid, but not available in this build or on this processor */
    AVSOUND_E_SHAPE = -6,            /**< a tensor's shape is not the one wanted, or too large */
    AVSOUND_E_STATE = -7,            /**< the call came at the wrong time: an input is missing, say */
    AVSOUND_E_END = -8,              /**< no more frames or samples: not an error of its own */
    AVSOUND_E_BACKEND = -9,          /**< a library underneath (oneDNN, FFmpeg) failed */
    AVSOUND_E_CANCELLED = -10,       /**< stopped at the caller's request */
    AVSOUND_E_BUFFER_SIZE = -11,     /**< the buffer is too small; the size wanted was stored */
    AVSOUND_E_LIMIT = -12,           /**< a limit of the context was exceeded */
    AVSOUND_E_AGAIN = -13,           /**< a stream's, not an error: push more before the next result, or take results before
                                          more is pushed */
    AVSOUND_E_INTERNAL = -100        /**< a defect of the library */
};

/** Constant name of a status, such as "AVSOUND_E_FORMAT"; "AVSOUND_E_?" for a number it does not know.
 *  Threads: any. Since 0.1. */
AVSOUND_API const char *avsound_status_name(avsound_status status);

/** One-line English description of a status. Threads: any. Since 0.1. */
AVSOUND_API const char *avsound_status_text(avsound_status status);

/** What went wrong in this thread's last failed call: the thing, the value found, the value wanted.
 *
 *  @return A string that stays valid until this thread's next call into the library; "" when no call has failed.
 *  Ownership: the library's. Threads: any, each sees its own. Since 0.1. */
AVSOUND_API const char *avsound_error_detail(void);

/** Version of the library in use: major * 10000 + minor * 100 + patch. Threads: any. Since 0.1. */
AVSOUND_API uint32_t avsound_version(void);

/** Version of the library in use as text, such as "0.1.0". Threads: any. Since 0.1. */
AVSOUND_API const char *avsound_version_string(void);

/** Parent of models, media and sessions: allocator, logger and limits. A child keeps its context alive, so the order of
 *  freeing does not matter. Since 0.1. */
typedef struct avsound_context avsound_context;

/** Severity of a log message. Since 0.1. */
enum {
    AVSOUND_LOG_ERROR = 1,
    AVSOUND_LOG_WARNING = 2,
    AVSOUND_LOG_INFO = 3,
    AVSOUND_LOG_DEBUG = 4
};

/** Options of a context. Fill with avsound_context_options_init() first. Since 0.1. */
typedef struct avsound_context_options {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build */
    int32_t log_level;    /**< highest AVSOUND_LOG_ level passed to `log`; 0: warnings and errors */
    void *user_data;      /**< handed to the three callbacks */
    /** Allocator, or NULL for the C library's. `align` is a power of two. May be called from any thread. */
    void *(*alloc)(size_t size, size_t align, void *user_data);
    /** Counterpart of `alloc`; both or neither must be set. */
    void (*dealloc)(void *ptr, void *user_data);
    /** Receives messages, or NULL for silence: the library itself never prints. May be called from any thread. */
    void (*log)(int32_t level, const char *message, void *user_data);
    int64_t max_pixels;      /**< most pixels of one frame, 0: 134,217,728 (16,384 x 8,192) */
    int64_t max_model_bytes; /**< most bytes of one model file, 0: 4 GiB */
    int32_t max_channels;    /**< most audio channels, 0: 64 */
    int32_t max_sample_rate; /**< highest audio rate in Hz, 0: 768,000 */
    int64_t max_packet_bytes; /**< most bytes of one demuxed packet, 0: 256 MiB */
} avsound_context_options;

/** Fills `options` with the defaults and sets its struct_size.
 *  @param struct_size sizeof(avsound_context_options). Threads: any. Since 0.1. */
AVSOUND_API void avsound_context_options_init(avsound_context_options *options, uint32_t struct_size);

/** Makes a context.
 *
 *  @param options NULL for the defaults.
 *  @param out     Receives the context; NULL on failure.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_NO_MEMORY.
 *  Ownership: free with avsound_context_free(). Threads: a context may be used from any number of threads. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_context_create(const avsound_context_options *options,
                                                                avsound_context **out);

/** Releases the caller's hold on a context; NULL is allowed. Threads: any. Since 0.1. */
AVSOUND_API void avsound_context_free(avsound_context *context);

#ifdef __cplusplus
}
#endif
#endif
