/* fuzz.h - what the fuzz targets share. A target is one function that is fed any bytes and must only return:
 * libFuzzer calls it (run.sh), and so does mutate.c, which needs no clang. */
#ifndef HF_TESTS_FUZZ_FUZZ_H
#define HF_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "io/tensor_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Read every byte, so that the sanitizer sees what reaches outside. */
static inline void touch(const void *data, size_t n)
{
    static volatile unsigned sum;
    for (size_t i = 0; i < n; i++)
        sum += ((const uint8_t *)data)[i];
}

/* Everything a table promises. */
static inline void touch_table(const hf_tensor_file *f)
{
    size_t n;
    const hf_tensor_entry *e = hf_tensor_file_list(f, &n);

    for (size_t i = 0; i < n; i++) {
        int64_t count = 1;
        for (int k = 0; k < e[i].n_dims; k++)
            count *= e[i].shape[k];
        if ((size_t)count * hf_entry_type_size(e[i].type) != e[i].bytes || hf_tensor_file_find(f, e[i].name) != &e[i])
            abort();
        touch(e[i].data, e[i].bytes);
    }
    touch(hf_tensor_file_metadata(f), strlen(hf_tensor_file_metadata(f)));
}

/* Open the bytes as a file, whatever it is. A refusal must say why. */
static inline int fuzz_file(const uint8_t *data, size_t n)
{
    hf_tensor_file *f;
    hf_error err = { 0 };

    if (hf_tensor_file_open_memory(&f, data, n, "it", &err) == HF_OK)
        touch_table(f);
    else if (f || err.status >= 0 || strncmp(err.text, "it: ", 4) != 0)
        abort();
    hf_tensor_file_close(&f);
    return 0;
}

#endif
