/* memory.h - how much memory there is to share out. */
#ifndef HF_SRC_CLI_MEMORY_H
#define HF_SRC_CLI_MEMORY_H

#include <stdint.h>
#include "src/error.h"

/* "500M", "8G", "1.5GB", "4096" (bytes); K, M, G and T are powers of 1024. HF_EARG; `name` is for the text. */
int hf_memory_parse(int64_t *bytes, const char *text, const char *name, hf_error *err);

/* Bytes that this process could still take: of the machine, and of the containers (control groups) it is in.
 * -1 if the system does not tell. */
int64_t hf_memory_free(void);

#endif
