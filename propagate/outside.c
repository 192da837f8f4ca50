/* outside.c - see outside.h. Memory first, then the steps in the order they run: all of them are operations of the backend. */
#include "propagate/outside.h"

#include <stdbool.h>
#include <stdlib.h>

#include "propagate/context_ops.h"
#include "propagate/splat.h"

/* Channels splatted at once: bounds the memory, whatever the number of labels. */
#define GROUP 8
/* Every displacement is as good as any other: where several land on one pixel they are averaged. */
#define TEMPERATURE 1.0f

struct hf_outside {
    hf_backend       *be;
    hf_outside_params p;
    hf_fill          *fill;
    hf_outside_field  field; /* known is the result's cover with HF_FLOW_TO_KEY; flow is the caller's */
    hf_first_field    size;  /* the same size for the operations that are shared with `--match first` */

    /* HF_FLOW_FROM_KEY only */
    float *payload, *group; /* [H,W,G] */
    float *similarity;      /* [H,W], all 0: all displacements count the same */
    void  *scratch;
    bool    counting; /* count bytes, allocate nothing */
    int64_t bytes;
};

static void *take(hf_outside *o, int64_t bytes)
{
    o->bytes += bytes;
    return o->counting ? o : o->be->ops.alloc(o->be, (size_t)bytes);
}

static int64_t scratch_bytes(const hf_outside *o)
{
    return (int64_t)hf_splat_scratch_bytes(o->p.width, o->p.height, o->p.width, o->p.height);
}

static bool take_all(hf_outside *o)
{
    int64_t n = (int64_t)o->p.width * o->p.height;
    hf_outside_field *f = &o->field;
    if (!(f->moved = take(o, 8 * n)) || o->p.way == HF_FLOW_TO_KEY)
        return f->moved != NULL;
    return (f->known = take(o, 4 * n)) && (f->target = take(o, 8 * n)) && (f->landed = take(o, 4 * n)) &&
           (f->winner = take(o, 4 * n)) && (o->payload = take(o, 4 * GROUP * n)) &&
           (o->group = take(o, 4 * GROUP * n)) && (o->similarity = take(o, 4 * n)) &&
           (o->scratch = take(o, scratch_bytes(o)));
}

int64_t hf_outside_bytes(const hf_outside_params *params)
{
    hf_outside o = { .p = *params, .counting = true };
    take_all(&o);
    return o.bytes + (int64_t)hf_fill_bytes(params->width, params->height, 2);
}

int hf_outside_open(hf_outside **out, hf_backend *be, const hf_outside_params *params, hf_error *err)
{
    hf_outside *o = NULL;
    int rc = HF_OK;

    *out = NULL;
    if (params->width < 1 || params->height < 1 || params->n_labels < 1)
        return hf_fail(err, HF_EARG, "flow: %dx%d pixels with %d labels, want 1 or more", params->width, params->height,
                       params->n_labels);
    if (!(o = calloc(1, sizeof(*o))))
        return hf_fail(err, HF_ENOMEM, "flow: out of memory");
    o->be = be;
    o->p = *params;
    o->field.width = o->size.width = params->width;
    o->field.height = o->size.height = params->height;
    if ((rc = be->ops.first->fill_new(be, &o->fill, params->width, params->height, 2, err)) < 0)
        goto end;
    if (!take_all(o)) {
        rc = hf_fail(err, HF_ENOMEM, "flow: out of memory for %dx%d pixels", params->width, params->height);
        goto end;
    }
    *out = o;
    o = NULL;
end:
    hf_outside_close(&o);
    return rc;
}

void hf_outside_close(hf_outside **outside)
{
    hf_outside *o = outside ? *outside : NULL;
    if (!o)
        return;
    if (o->p.way == HF_FLOW_TO_KEY)
        o->field.known = NULL; /* borrowed */
    void *const memory[] = { o->field.moved, o->field.known, o->field.target, o->field.landed, o->field.winner, o->payload,
                             o->group, o->similarity, o->scratch };
    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
        o->be->ops.free(o->be, memory[i]);
    if (o->fill)
        o->be->ops.first->fill_free(o->be, &o->fill);
    free(o);
    *outside = NULL;
}

/* Everything of the result that is fetched: what is not known of field.moved is filled, and says where from. */
static int fetch(hf_outside *o, const hf_outside_result *r, const hf_drawing *d, hf_error *err)
{
    const hf_first_ops *first = o->be->ops.first;
    int rc;
    if ((rc = first->fill_run(o->be, o->fill, o->field.moved, o->field.known, 2, err)) < 0 ||
        (rc = first->place(o->be, r->xy, o->field.moved, &o->size, err)) < 0 ||
        (rc = o->be->ops.outside->fetch(o->be, r->soft, r->xy, d, &o->field, err)) < 0 || !d->edit)
        return rc;
    return o->be->ops.context->warp(o->be, r->edit, d->edit, r->xy, NULL, o->p.width, o->p.height, err);
}

static int render_to_key(hf_outside *o, const hf_outside_result *r, const hf_drawing *d, hf_error *err)
{
    o->field.known = r->cover;
    int rc = o->be->ops.outside->take(o->be, &o->field, err);
    return rc < 0 ? rc : fetch(o, r, d, err);
}

static int splat_group(hf_outside *o, const hf_drawing *d, int c0, int C, hf_error *err)
{
    int H = o->p.height, W = o->p.width;
    hf_tensor out = hf_tensor_view(o->group, HF_F32, 3, H, W, C);
    hf_tensor payload = hf_tensor_view(o->payload, HF_F32, 3, H, W, C);
    hf_tensor landed = hf_tensor_view(o->field.landed, HF_F32, 2, H, W);
    hf_tensor winner = hf_tensor_view(o->field.winner, HF_I32, 2, H, W);
    hf_tensor target = hf_tensor_view(o->field.target, HF_F32, 3, H, W, 2);
    hf_tensor similarity = hf_tensor_view(o->similarity, HF_F32, 2, H, W);
    hf_tensor scratch = hf_tensor_view(o->scratch, HF_U8, 1, scratch_bytes(o));
    hf_splat_params params = { .temperature = TEMPERATURE };
    int rc = o->be->ops.first->draw(o->be, o->payload, &o->size, d, c0, C, err);
    return rc < 0 ? rc : o->be->ops.splat(o->be, &out, &landed, &winner, &payload, &target, &similarity, &params, &scratch, err);
}

/* Holes first, by fetching; then what landed is laid over them. */
static int render_from_key(hf_outside *o, const hf_outside_result *r, const hf_drawing *d, hf_error *err)
{
    const hf_outside_ops *ops = o->be->ops.outside;
    int n = o->p.n_labels + (d->edit ? 4 : 0), rc;

    if ((rc = ops->aim(o->be, &o->field, err)) < 0)
        return rc;
    for (int c0 = 0; c0 < n; c0 += GROUP) {
        int C = n - c0 < GROUP ? n - c0 : GROUP;
        if ((rc = splat_group(o, d, c0, C, err)) < 0 ||
            (c0 == 0 && ((rc = ops->turn(o->be, &o->field, err)) < 0 || (rc = fetch(o, r, d, err)) < 0)) ||
            (rc = ops->deal(o->be, r->soft, r->edit, o->group, &o->field, o->p.n_labels, c0, C, err)) < 0)
            return rc;
    }
    return ops->cover(o->be, r->cover, &o->field, err);
}

int hf_outside_render(hf_outside *outside, const hf_outside_result *result, const hf_drawing *drawing, const float *flow,
                      hf_error *err)
{
    hf_outside *o = outside;
    o->field.flow = flow;
    int rc = o->p.way == HF_FLOW_TO_KEY ? render_to_key(o, result, drawing, err)
                                        : render_from_key(o, result, drawing, err);
    int64_t n = (int64_t)o->p.width * o->p.height;
    return rc < 0 ? rc : o->be->ops.first->mean(o->be, result->mean, result->cover, n, err);
}
