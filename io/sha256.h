/* sha256.h - SHA-256 (FIPS 180-4) of bytes and of whole files. */
#ifndef HF_IO_SHA256_H
#define HF_IO_SHA256_H

#include <stddef.h>
#include <stdint.h>
#include "src/error.h"

#define HF_SHA256_TEXT 65 /* 64 hex digits and the end */

typedef struct hf_sha256 {
    uint32_t state[8];
    uint64_t n_bytes;
    uint8_t  block[64]; /* what has not filled a block yet */
} hf_sha256;

void hf_sha256_start(hf_sha256 *sum);
void hf_sha256_add(hf_sha256 *sum, const void *bytes, size_t n);
void hf_sha256_end(hf_sha256 *sum, char text[HF_SHA256_TEXT]); /* lower case */

/* HF_EIO if the file cannot be read to its end. */
int hf_sha256_file(char text[HF_SHA256_TEXT], const char *path, hf_error *err);

#endif
