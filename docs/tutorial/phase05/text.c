// SPDX-License-Identifier: MIT
//
// vsnprintf() does not allocate for what is printed here: whole numbers and strings.

#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void
text_print(int fd, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list values;
    int saved = errno;

    va_start(values, format);
    int length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    length = length < TEXT_BYTES ? length : TEXT_BYTES - 1;
    for (int at = 0; at < length;) {
        ssize_t done = write(fd, text + at, (size_t)(length - at));
        at = done <= 0 ? length : at + (int)done;
    }
    errno = saved;
}
