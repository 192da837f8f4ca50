/* ref_ops.c - the definition of every operation of src/ops.h, in plain C.
 *
 * Written to be read and to be right, never to be fast: other backends are
 * tested against these loops.
 */
#include "src/backend.h"

#include <stdlib.h>
#include <string.h>

#include "propagate/match_context.h"
#include "propagate/match_dense.h"

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

void hf_ref_fill(hf_backend *be)
{
    be->host_memory = true;
    be->ops = (hf_ops){
        .alloc = ref_alloc,
        .free = ref_free,
        .write = ref_write,
        .read = ref_read,
        .copy = ref_copy,
        .sync = ref_sync,
        .match_dense_scratch_bytes = hf_ref_match_dense_scratch_bytes,
        .match_dense = hf_ref_match_dense,
        .match_context = hf_ref_match_context,
    };
}
