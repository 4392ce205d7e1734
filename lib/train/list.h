/* Text files that name videos, clips or folders, one a line. */
#ifndef AVSN_LIST_H
#define AVSN_LIST_H

#include "base/base.h"

/* One line: `path` as named, or beside the list where it is relative. Valid during the call. */
typedef avsound_status (*avsn_list_fn)(void *user_data, const char *path);

/* Calls `each` for every line that is not empty and does not begin with #, to the first that fails: its detail then begins with
 * the list and the line's number. */
avsound_status avsn_list_read(avsound_context *context, const char *list, avsn_list_fn each, void *user_data);

#endif
