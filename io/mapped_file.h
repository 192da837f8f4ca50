/* mapped_file.h - a file as read-only bytes in memory. */
#ifndef HF_IO_MAPPED_FILE_H
#define HF_IO_MAPPED_FILE_H

#include <stddef.h>
#include <stdint.h>
#include "src/error.h"

typedef struct hf_mapped_file {
    const uint8_t *bytes; /* NULL: nothing is mapped */
    size_t         n_bytes;
} hf_mapped_file;

/*
 * Map a whole regular file. HF_EIO: it is missing, cannot be read or mapped, or is no regular file;
 * HF_EFORMAT: it is empty. On failure *out is empty, and closing it does nothing.
 */
int  hf_mapped_file_open(hf_mapped_file *out, const char *path, hf_error *err);
void hf_mapped_file_close(hf_mapped_file *file);

/* The n bytes at data are not needed soon: whole pages of them leave this process's memory and come back when they are
 * read again. Nothing happens where they do not lie in this file. */
void hf_mapped_file_drop(const hf_mapped_file *file, const void *data, size_t n);

#endif
