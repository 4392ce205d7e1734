/** @file version.h
 *  The version these headers belong to; the build reads it from here and from nowhere else. */
#ifndef AVSOUND_VERSION_H
#define AVSOUND_VERSION_H

#define AVSOUND_VERSION_MAJOR 0 /**< changes when callers must be compiled anew */
#define AVSOUND_VERSION_MINOR 1 /**< changes with additions */
#define AVSOUND_VERSION_PATCH 0 /**< changes with corrections */

/** Number of the binary interface: libavsound.so.AVSOUND_SOVERSION. */
#define AVSOUND_SOVERSION 0

#endif
