/* error.c - see error.h. */
#include "src/error.h"

#include <stdarg.h>
#include <stdio.h>

int hf_fail(hf_error *err, hf_status status, const char *format, ...)
{
    if (!err)
        return status;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    err->status = status;
    /* A file name may hold escape sequences; a terminal must not see them. */
    for (unsigned char *c = (unsigned char *)err->text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
    return status;
}
