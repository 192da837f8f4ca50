/* part_file.h - a file that is there whole or not at all: written as NAME.part, then renamed. */
#ifndef HF_IO_PART_FILE_H
#define HF_IO_PART_FILE_H

#include <stdio.h>
#include "src/error.h"

/* Write path with `write`, which is given ctx and reports nothing: what went wrong is seen in the stream. Returns HF_EARG
 * for a name that is too long, HF_EIO; then no part is left and an older file of the name stays. */
int hf_part_file_write(const char *path, void (*write)(FILE *file, const void *ctx), const void *ctx, hf_error *err);

#endif
