/* ref_ops.c - the table of the `ref` backend, and its memory.
 *
 * `ref` is the definition of every operation in plain C, written to be read and to be
 * right, never to be fast: other backends are tested against these loops. Sums are
 * double, in the order of the indices. The arithmetic is in ref_pointwise.c,
 * ref_conv.c, ref_norm.c, ref_attention.c and ref_resize.c.
 */
#include "src/ref.h"

#include <stdlib.h>
#include <string.h>

static void *ref_alloc(hf_backend *be, size_t bytes)
{
    (void)be;
    size_t rounded = (bytes + 63) & ~(size_t)63;
    if (rounded < bytes)
        return NULL;
    void *data = aligned_alloc(64, rounded ? rounded : 64);
    if (data)
        memset(data, 0, rounded ? rounded : 64);
    return data;
}

static void ref_free(hf_backend *be, void *data)
{
    (void)be;
    free(data);
}

static int ref_write(hf_backend *be, const hf_tensor *dst, const void *host, hf_error *err)
{
    (void)be, (void)err;
    memcpy(dst->data, host, hf_tensor_bytes(dst));
    return HF_OK;
}

static int ref_read(hf_backend *be, void *host, const hf_tensor *src, hf_error *err)
{
    (void)be, (void)err;
    memcpy(host, src->data, hf_tensor_bytes(src));
    return HF_OK;
}

static int ref_copy(hf_backend *be, const hf_tensor *dst, const hf_tensor *src, hf_error *err)
{
    (void)be, (void)err;
    memcpy(dst->data, src->data, hf_tensor_bytes(src));
    return HF_OK;
}

static int ref_sync(hf_backend *be, hf_error *err)
{
    (void)be, (void)err;
    return HF_OK;
}

int hf_ref_fill(hf_backend *be, hf_error *err)
{
    (void)err;
    be->host_memory = true;
    be->ops = (hf_ops){
        .alloc = ref_alloc,
        .free = ref_free,
        .write = ref_write,
        .read = ref_read,
        .copy = ref_copy,
        .sync = ref_sync,
        .packed_new = hf_ref_packed_new,
        .packed_free = hf_ref_packed_free,
        .linear = hf_ref_linear,
        .conv2d = hf_ref_conv2d,
        .matmul = hf_ref_matmul,
        .attention = hf_ref_attention,
        .group_norm = hf_ref_group_norm,
        .layer_norm = hf_ref_layer_norm,
        .softmax = hf_ref_softmax,
        .l2_normalize = hf_ref_l2_normalize,
        .activate = hf_ref_activate,
        .add = hf_ref_add,
        .mul = hf_ref_mul,
        .copy_channels = hf_ref_copy_channels,
        .permute = hf_ref_permute,
        .cast = hf_ref_cast,
        .gather_rows = hf_ref_gather_rows,
        .resize = hf_ref_resize,
        .rgb_to_image = hf_ref_rgb_to_image,
        .pool = hf_ref_pool,
        .classic_raw = hf_ref_classic_raw,
    };
    return HF_OK;
}
