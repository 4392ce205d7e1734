/** @file model.h
 *  Models (architecture and weights, shared) and sessions (a model prepared for one thread). */
#ifndef AVSOUND_MODEL_H
#define AVSOUND_MODEL_H

#include <avsound/frame.h>
#include <avsound/io.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An architecture with its weights: immutable, reference-counted inside, shared by any number of threads. Since 0.1. */
typedef struct avsound_model avsound_model;

/** Number of architectures this library can build. Threads: any. Since 0.1. */
AVSOUND_API int32_t avsound_arch_count(void);

/** Name of architecture `index`, such as "ave-net" (README.md lists them); NULL outside. Threads: any. Since 0.1. */
AVSOUND_API const char *avsound_arch_name(int32_t index);

/** Makes a model with weights drawn from a seed: He-normal convolutions and dense layers, or, of the multisensory
 *  networks, their releases' normal ones; unit batch norms. Its metadata says that it is untrained.
 *
 *  @param arch   One of avsound_arch_name().
 *  @param config JSON object with what differs from the architecture's defaults, or NULL: "width" (multiplier of all channel
 *                counts, 0.0625...4), "conv1_stride" (1 or 2), "image" and "audio" (front ends), others: docs/model-format.md.
 *  @param seed   Same seed, same weights, on every machine.
 *  @param out    Receives the model; NULL on failure.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT for an unknown name or configuration; AVSOUND_E_NO_MEMORY.
 *  Ownership: free with avsound_model_free(). Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_model_create(avsound_context *context, const char *arch,
                                                              const char *config, uint64_t seed, avsound_model **out);

/** Makes a model as avsound_model_create() does, and gives it another's weights: each tensor that the other has under the same
 *  name is copied. So training goes on at another frame rate, or a separator begins with an alignment network (whose batch
 *  norms have no weights: the separator's begin at 1). The other's further tensors are left. Its metadata says that it is
 *  untrained.
 *
 *  @param from   The other model. Not changed.
 *  @param arch   As in avsound_model_create(); NULL: from's.
 *  @param config As in avsound_model_create(), over the architecture's defaults; NULL: none, and where arch is NULL, too, from's.
 *  @param seed   Of the tensors that begin anew.
 *  @param except Words separated by commas, such as "conv2_2_,conv3_2_": tensors with one of them in their name begin anew, too.
 *                NULL: none.
 *  @param taken  Receives how many tensors were copied; the others of avsound_model_parameter_count() begin anew. NULL is allowed.
 *  @param out    Receives the model; NULL on failure.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT for an unknown name or configuration, a word that is in no name, or where
 *          nothing would be copied; AVSOUND_E_SHAPE where the two differ in the shape of a tensor that is to be copied;
 *          AVSOUND_E_NO_MEMORY. Ownership: free with avsound_model_free(). Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_model_create_from(const avsound_model *from, const char *arch,
                                                                   const char *config, uint64_t seed, const char *except,
                                                                   int32_t *taken, avsound_model **out);

/** Loads a model file (safetensors with avsound's metadata) by its path or its name. The file is mapped, not copied. Its data
 *  are not compared with the hash it may hold: avsound_model_verify() does that.
 *
 *  @param name A path, if it has a slash in it or such a file is there; else a name, such as "avol-s": of a file in one of these
 *              folders, or of one with ".safetensors" added. Those of the environment variable AVSOUND_MODEL_PATH, colons between
 *              them (not in a process with more rights than its user); where models are installed beside the library, wherever
 *              that was put; where the build meant them to be.
 *  @return AVSOUND_OK; AVSOUND_E_IO, of a name with the folders in which it was looked for; AVSOUND_E_FORMAT for a file that is no
 *          model, or whose tensors are missing, superfluous, overlapping or not finite; AVSOUND_E_SHAPE for a tensor of the wrong
 *          shape; AVSOUND_E_LIMIT; AVSOUND_E_NO_MEMORY. Ownership: free with avsound_model_free(). Threads: any, while none
 *          changes the environment. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_model_load(avsound_context *context, const char *name,
                                                            avsound_model **out);

/** The file that avsound_model_load() would open, not whether it is a model.
 *  @param name As in avsound_model_load().
 *  @param path NULL to ask for the size. @param size In: room in `path`; out: bytes wanted, the final 0 counted.
 *  @return AVSOUND_OK; AVSOUND_E_IO if there is none; AVSOUND_E_BUFFER_SIZE if path is too small. Threads: as in
 *          avsound_model_load(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_model_find(avsound_context *context, const char *name, char *path,
                                                            size_t *size);

/** Loads a model from memory, which is copied. Otherwise as avsound_model_load(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_model_load_memory(avsound_context *context, const void *data, size_t size,
                                                                   avsound_model **out);

/** Loads a model file by its descriptor. It is mapped, and may be closed afterwards. Otherwise as avsound_model_load().
 *  @param fd   Of a regular file, open for reading. Its position is neither used nor moved.
 *  @param name Opens error details; NULL: "descriptor 5", say. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_model_load_fd(avsound_context *context, int32_t fd, const char *name,
                                                               avsound_model **out);

/** Loads a model that the caller's callbacks read, into memory, from its first byte to its last. They are not called after
 *  that. Otherwise as avsound_model_load(). Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_model_load_io(avsound_context *context, const avsound_io *io,
                                                               avsound_model **out);

/** Compares a model file's data with the SHA-256 in its metadata ("avsound.sha256"), to find damage that leaves every number
 *  finite. It reads the whole file, and takes longer than loading it; it does not ask whether the tensors make a network.
 *
 *  @param name As in avsound_model_load().
 *  @return AVSOUND_OK if they agree; AVSOUND_E_FORMAT if they differ, or for a file that is no model; AVSOUND_E_UNSUPPORTED for
 *          a file without a hash; AVSOUND_E_IO; AVSOUND_E_LIMIT; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_model_verify(avsound_context *context, const char *name);

/** Writes a model file under a temporary name, then renames: the target is whole or untouched.
 *  @return AVSOUND_OK; AVSOUND_E_IO; AVSOUND_E_NO_MEMORY. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_model_save(const avsound_model *model, const char *path);

/** Name of the model's architecture. Ownership: the model's. Threads: any. Since 0.1. */
AVSOUND_API const char *avsound_model_arch(const avsound_model *model);

/** The model's complete configuration as JSON. Ownership: the model's. Threads: any. Since 0.1. */
AVSOUND_API const char *avsound_model_config(const avsound_model *model);

/** 1 if the metadata says that the weights come from training, else 0. Threads: any. Since 0.1. */
AVSOUND_API int32_t avsound_model_is_trained(const avsound_model *model);

/** Value of a metadata key ("license", "source", "avsound.arch", ...); NULL if there is none.
 *  Ownership: the model's. Threads: any. Since 0.1. */
AVSOUND_API const char *avsound_model_metadata(const avsound_model *model, const char *key);

/** Pictures that avsound_embed_image() and avsound_correspondence_frames() take for one: 1; 25 of "ave-net-mf" and 11 of
 *  "ave-net-of", which follow each other at 25 a second, the one that is meant in the middle; 0 of networks of clips, which these
 *  do not take.
 *  Threads: any. Since 0.1. */
AVSOUND_API int32_t avsound_model_frames(const avsound_model *model);

/** Number of metadata entries. Threads: any. Since 0.1. */
AVSOUND_API int32_t avsound_model_metadata_count(const avsound_model *model);

/** Key of metadata entry `index`; NULL outside. Ownership: the model's. Threads: any. Since 0.1. */
AVSOUND_API const char *avsound_model_metadata_key(const avsound_model *model, int32_t index);

/** Number of tensors. Threads: any. Since 0.1. */
AVSOUND_API int32_t avsound_model_parameter_count(const avsound_model *model);

/** Name and view of tensor `index`, ordered by name: 32-bit floats as stored or created.
 *  @param name NULL is allowed. @param view Its struct_size must be set; NULL is allowed.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT. Ownership: the model's. Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_model_get_parameter(const avsound_model *model, int32_t index,
                                                                     const char **name, avsound_tensor *view);

/** Releases the caller's hold on a model; NULL is allowed. Sessions keep their model alive. Threads: any. Since 0.1. */
AVSOUND_API void avsound_model_free(avsound_model *model);

/** Numeric precision of a session. Since 0.1. */
enum {
    AVSOUND_PRECISION_F32 = 0,  /**< reference */
    AVSOUND_PRECISION_BF16 = 1, /**< bfloat16 convolutions with f32 accumulation: needs AVX512-BF16 or AMX */
    AVSOUND_PRECISION_AUTO = 2  /**< the fastest: bf16 where the processor has AMX, else f32 */
};

/** A model prepared for one set of shapes and one precision, with all its buffers. Shares packed weights with the other
 *  sessions of its model. Threads: one at a time, any number of sessions side by side. Since 0.1. */
typedef struct avsound_session avsound_session;

/** Options of a session. Fill with avsound_session_options_init() first. Since 0.1. */
typedef struct avsound_session_options {
    uint32_t struct_size;  /**< sizeof of this struct in the caller's build */
    int32_t threads;       /**< threads that compute; 0: 1. One session a thread beats one session with many threads for
                                throughput; docs/threads.md says when more than one is right */
    int32_t precision;     /**< AVSOUND_PRECISION_ constant */
    int32_t batch;         /**< items per run; 0: 1 */
    int32_t width, height; /**< of the network's picture input; 0: the model's own */
    const char *outputs;   /**< names of the outputs wanted, separated by commas; NULL: all the model's. A layer's name, such as
                                "vision.conv4_2", is an output too */
    int32_t frames;        /**< of a clip, for networks that take clips; 0: the model's own */
    int32_t samples;       /**< of a clip's waveform; 0: as many as last as long as the frames, rounded */
} avsound_session_options;

/** Fills `options` with the defaults. Threads: any. Since 0.1. */
AVSOUND_API void avsound_session_options_init(avsound_session_options *options, uint32_t struct_size);

/** Plans the network, packs its weights (once per model and precision) and allocates all memory that runs will use.
 *
 *  @param options NULL for the defaults.
 *  @param out     Receives the session; NULL on failure.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT; AVSOUND_E_UNSUPPORTED for a precision this processor lacks;
 *          AVSOUND_E_SHAPE for a picture too small; AVSOUND_E_LIMIT; AVSOUND_E_NO_MEMORY; AVSOUND_E_BACKEND.
 *  Ownership: free with avsound_session_free(). Threads: any. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_session_create(avsound_model *model,
                                                                const avsound_session_options *options,
                                                                avsound_session **out);

/** Number of inputs. Since 0.1. */
AVSOUND_API int32_t avsound_session_input_count(const avsound_session *session);

/** Name and shape of input `index`: "image" [batch][3][height][width] and "spectrogram" [batch][1][bins][columns], or, of
 *  networks of clips, "frames" [batch][3][frames][height][width] and "waveform" [batch][2][samples] or, of
 *  sync-net, "spectrogram".
 *  @param view Its struct_size must be set; receives dtype and shape, data NULL. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_session_input(const avsound_session *session, int32_t index,
                                                               const char **name, avsound_tensor *view);

/** Copies an input in: 32-bit floats of exactly the input's shape, prepared as the model's front end demands.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT for an unknown name or a value that is not finite; AVSOUND_E_SHAPE.
 *  Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_session_set_input(avsound_session *session, const char *name,
                                                                   const avsound_tensor *view);

/** Runs the network on the inputs set so far.
 *
 *  @return AVSOUND_OK; AVSOUND_E_STATE if an input was never set; AVSOUND_E_CANCELLED after avsound_session_cancel().
 *  Allocates nothing. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_session_run(avsound_session *session);

/** Number of outputs. Since 0.1. */
AVSOUND_API int32_t avsound_session_output_count(const avsound_session *session);

/** Name of output `index`; NULL outside. Ownership: the session's. Since 0.1. */
AVSOUND_API const char *avsound_session_output_name(const avsound_session *session, int32_t index);

/** View of an output: 32-bit floats, row-major. Before the first run only the shape means anything.
 *  @param view Its struct_size must be set.
 *  @return AVSOUND_OK; AVSOUND_E_INVALID_ARGUMENT for an unknown name.
 *  Ownership: the session's, valid until its next run or free. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_session_get_output(const avsound_session *session, const char *name,
                                                                    avsound_tensor *view);

/** Precision in use: AVSOUND_PRECISION_F32 or _BF16. Since 0.1. */
AVSOUND_API int32_t avsound_session_precision(const avsound_session *session);

/** Bytes of the session's own buffers, packed weights (shared) not counted. Since 0.1. */
AVSOUND_API int64_t avsound_session_memory(const avsound_session *session);

/** Prints the plan: every step's op, shapes, implementation, layout, place and bytes, with reorders flagged.
 *
 *  @param text NULL to ask for the size. @param size In: room in `text`; out: bytes wanted, the final 0 counted.
 *  @return AVSOUND_OK; AVSOUND_E_BUFFER_SIZE if text is too small. Since 0.1. */
AVSOUND_API AVSOUND_CHECK avsound_status avsound_session_describe(const avsound_session *session, char *text,
                                                                  size_t *size);

/** Makes a run in progress in another thread return AVSOUND_E_CANCELLED before its next step, or else the next run.
 *  Threads: any. Since 0.1. */
AVSOUND_API void avsound_session_cancel(avsound_session *session);

/** Frees a session; NULL is allowed. Since 0.1. */
AVSOUND_API void avsound_session_free(avsound_session *session);

#ifdef __cplusplus
}
#endif
#endif
