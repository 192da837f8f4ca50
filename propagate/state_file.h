/* state_file.h - a part of a saved state between a file and a backend's memory. */
#ifndef HF_PROPAGATE_STATE_FILE_H
#define HF_PROPAGATE_STATE_FILE_H

#include <stdio.h>
#include "src/backend.h"

/* data: `bytes` of the backend's memory. HF_EIO, HF_ENOMEM, HF_EDEVICE. */
int hf_state_write(hf_backend *be, const void *data, size_t bytes, FILE *file, const char *path, hf_error *err);

/* The same way back. HF_EFORMAT if the file ends before, HF_ENOMEM, HF_EDEVICE. */
int hf_state_read(hf_backend *be, void *data, size_t bytes, FILE *file, const char *path, hf_error *err);

#endif
