/* Names and values from files, before they reach a terminal through an error detail: a control character could rewrite what
 * the user sees. */
#ifndef AVSN_TEXT_H
#define AVSN_TEXT_H

#include "base/base.h"

#define AVSN_SHOWN 100

typedef struct avsn_shown {
    char text[AVSN_SHOWN + 4];
} avsn_shown;

AVSN_SHARED bool avsn_has_control(const char *text);
bool avsn_is_utf8(const char *text);
/* The first AVSN_SHOWN bytes, "..." after them if there are more, with '?' for controls and what is not ASCII. */
AVSN_SHARED const char *avsn_show(const char *text, avsn_shown *out);

#endif
