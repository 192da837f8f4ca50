/* tensor.c - see tensor.h. */
#include "src/tensor.h"

#include <assert.h>

size_t hf_dtype_size(hf_dtype dtype)
{
    static const size_t sizes[] = {
        [HF_F32] = 4, [HF_F16] = 2, [HF_BF16] = 2, [HF_I32] = 4, [HF_U8] = 1,
    };
    return sizes[dtype];
}

int64_t hf_tensor_count(const hf_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->n_dims; i++)
        n *= t->shape[i];
    return n;
}

size_t hf_tensor_bytes(const hf_tensor *t)
{
    return (size_t)hf_tensor_count(t) * hf_dtype_size(t->dtype);
}

hf_tensor hf_tensor_view_shape(void *data, hf_dtype dtype, int n_dims, const int64_t *shape)
{
    assert(n_dims >= 1 && n_dims <= HF_MAX_DIMS);
    hf_tensor t = { .data = data, .dtype = dtype, .n_dims = n_dims };
    for (int i = 0; i < n_dims; i++)
        t.shape[i] = shape[i];
    return t;
}
