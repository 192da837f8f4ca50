/* packed.c - see packed.h: packed_new and packed_free. */
#include "cuda/packed.h"

#include <stdlib.h>

#include "cuda/device.h"
#include "cuda/pack.h"
#include "src/ops_check.h"

/* A 1x1 kernel runs as a matrix, which cuBLASLt takes with any number of columns. */
static int64_t padded_channels(const hf_packed *w)
{
    bool pads = w->dtype != HF_F32 && w->n_groups == 1 && w->kernel_h * w->kernel_w > 1;
    return pads ? (w->n_in + 7) / 8 * 8 : w->n_in;
}

int hf_cuda_packed_new(hf_backend *be, hf_packed **out, const hf_tensor *weight, const hf_pack_params *params,
                       hf_error *err)
{
    int rc;
    hf_check_pack(weight, params);
    *out = NULL;
    hf_cuda_packed *p = calloc(1, sizeof(*p));
    if (!p)
        return hf_fail(err, HF_ENOMEM, "weights: out of memory");
    p->head = hf_packed_head(weight, params);
    p->c_padded = padded_channels(&p->head);
    size_t bytes = (size_t)(p->head.n_out * p->head.kernel_h * p->head.kernel_w * p->c_padded) *
                   hf_dtype_size(params->dtype);
    if (!(p->data = be->ops.alloc(be, bytes))) {
        free(p);
        return hf_fail(err, HF_ENOMEM, "weights: no GPU memory for %zu bytes; f16 arithmetic needs least", bytes);
    }
    hf_cuda_pack_weights pack = {
        .out = p->data, .w = weight->data, .out_type = params->dtype, .w_type = weight->dtype,
        .n_out = p->head.n_out, .c = p->head.n_in, .c_padded = p->c_padded, .kernel_h = p->head.kernel_h,
        .kernel_w = p->head.kernel_w,
    };
    *out = &p->head;
    if ((rc = HF_CUDA(hf_cuda_pack_weights_launch(&pack, hf_cuda_of(be)->stream), err)) < 0)
        hf_cuda_packed_free(be, out);
    return rc;
}

void hf_cuda_packed_free(hf_backend *be, hf_packed **packed)
{
    if (!packed || !*packed)
        return;
    be->ops.free(be, ((hf_cuda_packed *)*packed)->data);
    free(*packed);
    *packed = NULL;
}
