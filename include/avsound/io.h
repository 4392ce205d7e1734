/** @file io.h
 *  Input that is no file: bytes that the caller fetches when they are wanted. */
#ifndef AVSOUND_IO_H
#define AVSOUND_IO_H

#include <avsound/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where bytes come from: an archive, a database, a network, an encrypted file. Initialise to zero, then set struct_size and
 *  the rest. The struct is copied; `user_data` must live as long as what was opened with it. The callbacks are called by the
 *  thread that calls the library, one at a time, and must not call it with the same object. Since 0.1. */
typedef struct avsound_io {
    uint32_t struct_size;  /**< sizeof of this struct in the caller's build */
    int32_t reserved;      /**< 0 */
    int64_t size;          /**< bytes in all, at least 1 */
    /** Stores up to `size` bytes (1 or more are wanted) of those that follow what was last read or sought, and returns how
     *  many; fewer than wanted are fine. 0, the end, counts as an error before avsound_io::size bytes; a negative number is
     *  one anywhere, and appears in the detail. */
    int64_t (*read)(void *buffer, int64_t size, void *user_data);
    /** Makes the next read begin at byte `position`, 0 or more and below `size`; returns 0, or another number, which appears
     *  in the detail. Called before the first read. */
    int32_t (*seek)(int64_t position, void *user_data);
    void *user_data;       /**< handed to the callbacks */
    const char *name;      /**< opens error details; its ending helps with formats that their content doesn't show. NULL:
                                "input" */
} avsound_io;

/** Kinds of sources. Since 0.1. */
enum {
    AVSOUND_SOURCE_PATH = 0,   /**< the file at path `name` */
    AVSOUND_SOURCE_FD = 1,     /**< the file open at `fd` */
    AVSOUND_SOURCE_MEMORY = 2, /**< `size` bytes at `data` */
    AVSOUND_SOURCE_IO = 3      /**< what the callbacks of `io` read */
};

/** Where a recording is, for the functions whose name ends in _source. Initialise to zero, then set struct_size, kind and what the
 *  kind needs. The struct, its name and its io are looked at during the call alone; what they speak of is used until the object
 *  that was made is freed: a descriptor may be closed at once, but `data` must stay as it is and io->user_data live so long. A
 *  recording may be opened several times, for its pictures and for its sound, which are read in turn: `seek` is called before every
 *  read. Since 0.1. */
typedef struct avsound_source {
    uint32_t struct_size; /**< sizeof of this struct in the caller's build */
    int32_t kind;         /**< AVSOUND_SOURCE_ constant */
    const char *name;     /**< of PATH the path; of FD and MEMORY opens error details, or NULL: as in avsound_media_open_fd() */
    const void *data;     /**< of MEMORY */
    int64_t size;         /**< of MEMORY, bytes, at least 1 */
    const avsound_io *io; /**< of IO */
    int32_t fd;           /**< of FD: of a regular file, open for reading */
    int32_t reserved;     /**< 0 */
} avsound_source;

#ifdef __cplusplus
}
#endif
#endif
