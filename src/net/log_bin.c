/* log_bin.c - see log_bin.h. */
#include "src/net/log_bin.h"

#include <stdlib.h>

#include "src/arena.h"

struct hf_log_bin {
    hf_backend *backend;
    int         levels, h, w, C;
    hf_arena   *arena;
    hf_tensor   pooled, moved; /* [1,h,w,C], [h*w,C] */
    hf_tensor   index;         /* i32 [parts-1,h*w]: the cell that a part takes; the first part's middle is none */
};

/* The places around a cell that are parts, but for the cell itself. Returns 0 for the middle. */
static int offset_of(int part, int step, int *dy, int *dx)
{
    *dy = (part / 3 - 1) * step;
    *dx = (part % 3 - 1) * step;
    return part != 4;
}

static int clamp(int v, int top) { return v < 0 ? 0 : v > top ? top : v; }

static void fill_index(int32_t *index, int levels, int h, int w)
{
    for (int k = 0, step = 1; k < levels; k++, step *= 3)
        for (int part = 0; part < 9; part++) {
            int dy, dx;
            if (!offset_of(part, step, &dy, &dx))
                continue;
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++)
                    *index++ = clamp(y + dy, h - 1) * w + clamp(x + dx, w - 1);
        }
}

static int take_all(hf_log_bin *b, hf_error *err)
{
    int64_t n = (int64_t)b->h * b->w;
    int rc;
    if ((rc = hf_arena_take(b->arena, &b->pooled, err, HF_F32, 4, 1, b->h, b->w, b->C)) < 0 ||
        (rc = hf_arena_take(b->arena, &b->moved, err, HF_F32, 2, n, b->C)) < 0)
        return rc;
    return hf_arena_take(b->arena, &b->index, err, HF_I32, 2, hf_log_bin_parts(b->levels) - 1, n);
}

static int write_index(hf_log_bin *b, hf_error *err)
{
    int32_t *host = malloc(hf_tensor_bytes(&b->index));
    int rc;
    if (!host)
        return hf_fail(err, HF_ENOMEM, "log-binning: out of memory");
    fill_index(host, b->levels, b->h, b->w);
    if ((rc = b->backend->ops.write(b->backend, &b->index, host, err)) >= 0)
        rc = b->backend->ops.sync(b->backend, err);
    free(host);
    return rc;
}

int hf_log_bin_new(hf_log_bin **out, hf_backend *be, int levels, int h, int w, int C, hf_error *err)
{
    hf_log_bin *b = NULL;
    int rc;

    *out = NULL;
    if (levels < 1 || levels > HF_LOG_BIN_MAX_LEVELS || h < 1 || w < 1 || C < 1) {
        rc = hf_fail(err, HF_EARG, "log-binning: %d levels of %d x %d cells, want 1..%d", levels, w, h,
                     HF_LOG_BIN_MAX_LEVELS);
        goto end;
    }
    if (!(b = calloc(1, sizeof(*b)))) {
        rc = hf_fail(err, HF_ENOMEM, "log-binning: out of memory");
        goto end;
    }
    b->backend = be, b->levels = levels, b->h = h, b->w = w, b->C = C;
    if ((rc = hf_arena_new(&b->arena, be, "log-binning", err)) < 0 || (rc = take_all(b, err)) < 0 ||
        (rc = hf_arena_seal(b->arena, 0, err)) < 0 || (rc = take_all(b, err)) < 0 || (rc = write_index(b, err)) < 0)
        goto end;
    *out = b;
    b = NULL;
end:
    hf_log_bin_free(&b);
    return rc;
}

void hf_log_bin_free(hf_log_bin **bin)
{
    if (!bin || !*bin)
        return;
    hf_arena_free(&(*bin)->arena);
    free(*bin);
    *bin = NULL;
}

int64_t hf_log_bin_bytes(int levels, int h, int w, int C)
{
    return (int64_t)h * w * (8 * (int64_t)C + 4 * (hf_log_bin_parts(levels) - 1));
}

/* The cells of `from` that index row `row` names, into part `part` of out. */
static int put_part(hf_log_bin *b, const hf_tensor *out, int part, const hf_tensor *from, int row, hf_error *err)
{
    const hf_ops *ops = &b->backend->ops;
    int64_t n = (int64_t)b->h * b->w;
    hf_copy_channels_params to = { .to = (int64_t)part * b->C, .n = b->C };
    hf_tensor all = hf_tensor_view(out->data, HF_F32, 2, n, (int64_t)hf_log_bin_parts(b->levels) * b->C);
    hf_tensor table = hf_tensor_view(from->data, HF_F32, 2, n, b->C);
    hf_tensor index = hf_tensor_view((int32_t *)b->index.data + (size_t)row * (size_t)n, HF_I32, 1, n);
    if (row < 0)
        return ops->copy_channels(b->backend, &all, &table, &to, err);
    int rc = ops->gather_rows(b->backend, &b->moved, &table, &index, err);
    return rc < 0 ? rc : ops->copy_channels(b->backend, &all, &b->moved, &to, err);
}

int hf_log_bin_run(hf_log_bin *b, const hf_tensor *out, const hf_tensor *x, hf_error *err)
{
    hf_tensor cells = hf_tensor_view(x->data, HF_F32, 4, 1, b->h, b->w, b->C);
    int part = 0, row = 0, rc = HF_OK;

    for (int k = 0, size = 1; k < b->levels && rc >= 0; k++, size *= 3) {
        hf_pool_params p = { .kind = HF_POOL_MEAN, .kernel_h = size, .kernel_w = size, .stride = 1, .pad_top = size / 2,
                             .pad_left = size / 2, .pad_bottom = size / 2, .pad_right = size / 2 };
        if (k > 0)
            rc = b->backend->ops.pool(b->backend, &b->pooled, &cells, &p, err);
        for (int i = 0; i < 9 && rc >= 0; i++) {
            int dy, dx;
            if (offset_of(i, size, &dy, &dx))
                rc = put_part(b, out, part++, k ? &b->pooled : &cells, row++, err);
            else if (k == 0)
                rc = put_part(b, out, part++, &cells, -1, err);
        }
    }
    return rc;
}
