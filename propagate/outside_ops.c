/* outside_ops.c - the steps of `--flow` on the host; see outside_ops.h. What is done at one pixel is in outside_cell.h. */
#include "propagate/outside_ops.h"

#include "propagate/outside_cell.h"

static int64_t n_pixels(const hf_outside_field *f)
{
    return (int64_t)f->width * f->height;
}

static int take(hf_backend *be, const hf_outside_field *f, hf_error *err)
{
    (void)be, (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t q = 0; q < n_pixels(f); q++)
        hf_outside_take(f, q);
    return HF_OK;
}

static int aim(hf_backend *be, const hf_outside_field *f, hf_error *err)
{
    (void)be, (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t q = 0; q < n_pixels(f); q++)
        hf_outside_aim(f, q);
    return HF_OK;
}

static int turn(hf_backend *be, const hf_outside_field *f, hf_error *err)
{
    (void)be, (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t q = 0; q < n_pixels(f); q++)
        hf_outside_turn(f, q);
    return HF_OK;
}

static int fetch(hf_backend *be, float *soft, const float *xy, const hf_drawing *d, const hf_outside_field *f, hf_error *err)
{
    (void)be, (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t q = 0; q < n_pixels(f); q++)
        hf_outside_fetch(soft, d->ids, d->n_labels, q, xy[2 * q], xy[2 * q + 1], f->width, f->height);
    return HF_OK;
}

static int deal(hf_backend *be, float *soft, float *edit, const float *group, const hf_outside_field *f, int n_labels, int c0,
                int C, hf_error *err)
{
    (void)be, (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t q = 0; q < n_pixels(f); q++)
        if (f->winner[q] >= 0)
            hf_outside_deal(soft, edit, group, q, n_pixels(f), n_labels, c0, C);
    return HF_OK;
}

static int cover(hf_backend *be, float *out, const hf_outside_field *f, hf_error *err)
{
    (void)be, (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t q = 0; q < n_pixels(f); q++)
        out[q] = hf_outside_cover(f->landed, q, f->width, f->height);
    return HF_OK;
}

const hf_outside_ops hf_host_outside_ops = { .take = take, .aim = aim, .turn = turn, .fetch = fetch, .deal = deal,
                                             .cover = cover };
