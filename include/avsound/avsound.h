/** @file avsound.h
 *  Everything: learn which sights and sounds belong together, and use it. Link with -lavsound. */
#ifndef AVSOUND_AVSOUND_H
#define AVSOUND_AVSOUND_H

#include <avsound/base.h>
#include <avsound/cca.h>
#include <avsound/frame.h>
#include <avsound/index.h>
#include <avsound/io.h>
#include <avsound/media.h>
#include <avsound/model.h>
#include <avsound/stereo.h>
#include <avsound/stream.h>
#include <avsound/tasks.h>

#endif
