/* unfilled.c - parts of the table that no other file fills yet. The functions that fill them are weak: the file that
 * comes replaces them. */
#include <string.h>

#include "cuda/device.h"

/* Any entry of the table: called with whatever it takes, it returns HF_EUNSUPPORTED and looks at nothing. */
static int unfilled(void)
{
    return HF_EUNSUPPORTED;
}

static void unfilled_packed_free(hf_backend *be, hf_packed **packed)
{
    (void)be, (void)packed;
}

void hf_cuda_fill_rest(hf_ops *ops)
{
    int (*entry)(void) = unfilled;
    for (size_t at = 0; at < sizeof(*ops); at += sizeof(entry))
        memcpy((char *)ops + at, &entry, sizeof(entry));
    ops->packed_free = unfilled_packed_free;
}

#define UNFILLED(part)                            \
    __attribute__((weak)) void part(hf_ops *ops); \
    void part(hf_ops *ops) { (void)ops; }

UNFILLED(hf_cuda_fill_pointwise)
UNFILLED(hf_cuda_fill_norm)
UNFILLED(hf_cuda_fill_resize)
UNFILLED(hf_cuda_fill_matrix)
UNFILLED(hf_cuda_fill_attention)
UNFILLED(hf_cuda_fill_match)
UNFILLED(hf_cuda_fill_splat)

__attribute__((weak)) void hf_cuda_matrix_free(hf_cuda_matrix **matrix)
{
    (void)matrix;
}
