/* tensor.h - views of dense arrays in a backend's memory.
 *
 * Shape letters mean one thing everywhere:
 *   N images in a batch    H W pixels     h w cells of a feature map
 *   C channels             D channels of a descriptor
 *   L labels (0 is the background)        K matches kept
 *   R reference maps
 * Arrays are contiguous, slowest dimension first, channels last: [N,H,W,C].
 */
#ifndef HF_SRC_TENSOR_H
#define HF_SRC_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#define HF_MAX_DIMS 5

typedef enum hf_dtype {
    HF_F32,
    HF_F16,
    HF_BF16,
    HF_I32,
    HF_U8
} hf_dtype;

/* A view: owns nothing and dies with the memory it points into. `data` is an
 * address of the backend that made it and must not be read on the host
 * unless hf_backend.host_memory says so. */
typedef struct hf_tensor {
    void    *data;
    hf_dtype dtype;
    int      n_dims;
    int64_t  shape[HF_MAX_DIMS];
} hf_tensor;

size_t  hf_dtype_size(hf_dtype dtype);
int64_t hf_tensor_count(const hf_tensor *t);
size_t  hf_tensor_bytes(const hf_tensor *t);

/* View data as an array of the given shape: hf_tensor_view(p, HF_F32, 3, H, W, 3).
 * The sizes are passed as int64_t; the macro converts them. */
hf_tensor hf_tensor_view_shape(void *data, hf_dtype dtype, int n_dims, const int64_t *shape);
#define hf_tensor_view(data, dtype, n_dims, ...) \
    hf_tensor_view_shape(data, dtype, n_dims, (const int64_t[]){__VA_ARGS__})

#endif
