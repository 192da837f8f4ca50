/* arena.c - see arena.h. */
#include "src/arena.h"

#include <assert.h>
#include <stdlib.h>

#define ALIGNMENT 64

struct hf_arena {
    hf_backend *backend;
    const char *name;
    char       *data; /* NULL until sealed */
    size_t      size, used, peak;
    bool        sealed;
};

int hf_arena_new(hf_arena **out, hf_backend *be, const char *name, hf_error *err)
{
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", name);
    (*out)->backend = be;
    (*out)->name = name;
    return HF_OK;
}

void hf_arena_free(hf_arena **arena)
{
    if (!arena || !*arena)
        return;
    (*arena)->backend->ops.free((*arena)->backend, (*arena)->data);
    free(*arena);
    *arena = NULL;
}

int hf_arena_seal(hf_arena *a, size_t bytes, hf_error *err)
{
    if (a->sealed)
        return hf_fail(err, HF_EARG, "%s: is sealed already, at %zu bytes", a->name, a->size);
    size_t size = bytes > a->peak ? bytes : a->peak;
    a->data = a->backend->ops.alloc(a->backend, size);
    if (!a->data)
        return hf_fail(err, HF_ENOMEM, "%s: no memory for %zu bytes on %s", a->name, size,
                       a->backend->name);
    a->size = size;
    a->used = 0;
    a->sealed = true;
    return HF_OK;
}

/* Bytes of an array, rounded up to the alignment; SIZE_MAX if that is more than fits. */
static size_t rounded_bytes(hf_dtype dtype, int n_dims, const int64_t *shape)
{
    size_t bytes = hf_dtype_size(dtype);
    for (int i = 0; i < n_dims; i++) {
        assert(shape[i] >= 0);
        if (__builtin_mul_overflow(bytes, (size_t)shape[i], &bytes))
            return SIZE_MAX;
    }
    if (bytes > SIZE_MAX - ALIGNMENT)
        return SIZE_MAX;
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int hf_arena_take_shape(hf_arena *a, hf_tensor *out, hf_error *err, hf_dtype dtype, int n_dims,
                        const int64_t *shape)
{
    size_t bytes = rounded_bytes(dtype, n_dims, shape);
    size_t left = (a->sealed ? a->size : SIZE_MAX - 1) - a->used;
    *out = (hf_tensor){ 0 };
    if (bytes > left)
        return hf_fail(err, HF_ENOMEM, "%s: %zu bytes wanted, %zu of %zu left", a->name, bytes,
                       left, a->size);
    *out = hf_tensor_view_shape(a->sealed ? a->data + a->used : NULL, dtype, n_dims, shape);
    a->used += bytes;
    if (a->used > a->peak)
        a->peak = a->used;
    return HF_OK;
}

size_t hf_arena_mark(const hf_arena *a)
{
    return a->used;
}

void hf_arena_rewind(hf_arena *a, size_t mark)
{
    assert(mark <= a->used);
    a->used = mark;
}

void hf_arena_reset(hf_arena *a)
{
    a->used = 0;
}

size_t hf_arena_peak(const hf_arena *a)
{
    return a->peak;
}

size_t hf_arena_size(const hf_arena *a)
{
    return a->size;
}
