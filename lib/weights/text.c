#include "weights/text.h"

#include <string.h>

bool avsn_has_control(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
            return true;
    return false;
}

const char *avsn_show(const char *text, avsn_shown *out)
{
    size_t n = 0;
    for (; text[n] && n < AVSN_SHOWN; n++)
        out->text[n] = (char)(text[n] < 0x20 || text[n] > 0x7e ? '?' : text[n]);
    strcpy(out->text + n, text[n] ? "..." : "");
    return out->text;
}
