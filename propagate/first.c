/* first.c - see first.h.
 *
 * Memory first, then the steps in the order they run: features, matches, sources, splats. All of them are operations of
 * the backend; what a device holds is read once, when a frame is done.
 */
#include "propagate/first.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/first_ops.h"
#include "propagate/match_dense.h"
#include "propagate/match_stay.h"
#include "propagate/splat.h"

/* Channels splatted at once: bounds the memory, whatever the number of labels. */
#define GROUP 8

/* A pixel whose forward and backward matches disagree by this many cells is half trusted. */
#define HALF_TRUST_CELLS 2.0f

typedef struct key {
    float   *features;   /* [h,w,D] backend */
    uint8_t *ids, *edit; /* backend: on the host the caller's own */
} key;

struct hf_first {
    hf_model       *model;
    hf_backend     *be;
    hf_first_params p;
    int             h, w; /* cells */
    bool            adapted;
    key            *keys;
    uint8_t        *rgb;      /* [h',w',3] */
    float          *features; /* [h,w,D] */
    float          *frame;    /* features of the frame: these, or the caller's */
    hf_first_field  field;
    void           *match_scratch, *splat_scratch;
    int64_t         match_scratch_bytes, splat_scratch_bytes;
    float          *payload;  /* [H,W,G] */
    float          *group;    /* [H,W,G], G at least 2: splatted and filled */
    float          *landed;   /* [H,W] */
    float          *mean;     /* [1] */
    hf_first_result device;   /* results before they are read; not used on the host */
    hf_fill        *fill;
    bool            counting; /* count bytes, allocate nothing */
    int64_t         bytes;
};

static int n_channels(const hf_first_params *p)
{
    return p->n_labels + (p->has_edit ? 4 : 0);
}

static int group_size(const hf_first_params *p)
{
    return n_channels(p) < GROUP ? n_channels(p) : GROUP;
}

/* The coordinates are filled with the same scratch as the labels. */
static int fill_channels(const hf_first_params *p)
{
    return group_size(p) < 2 ? 2 : group_size(p);
}

static hf_tensor feature_view(const hf_first *f, float *features)
{
    return hf_tensor_view(features, HF_F32, 3, f->h, f->w, f->model->n_channels);
}

static hf_match_dense_params match_params(const hf_first_params *p)
{
    return (hf_match_dense_params){ p->width, p->height, p->width, p->height };
}

/* Memory of the backend. Counting gives a pointer that is never used. */
static void *take(hf_first *f, int64_t bytes)
{
    f->bytes += bytes;
    return f->counting ? f : f->be->ops.alloc(f->be, (size_t)bytes);
}

static int check(const hf_first_params *p, hf_error *err)
{
    if (p->width < 1 || p->height < 1 || p->work_width < 1 || p->work_height < 1)
        return hf_fail(err, HF_EARG, "match first: size is %dx%d, want at least 1x1", p->width,
                       p->height);
    if (p->n_keys < 1 || p->n_labels < 1)
        return hf_fail(err, HF_EARG, "match first: %d key frames with %d labels, want 1 or more",
                       p->n_keys, p->n_labels);
    if (!(p->temperature > 0.0f))
        return hf_fail(err, HF_EARG, "match first: temperature is %g, want more than 0",
                       (double)p->temperature);
    return HF_OK;
}

static bool take_field(hf_first *f)
{
    int64_t n = (int64_t)f->p.width * f->p.height;
    hf_first_field *to = &f->field;
    return (to->forward = take(f, 4 * n)) && (to->forward_similarity = take(f, 4 * n)) &&
           (to->backward = take(f, 4 * n)) && (to->backward_similarity = take(f, 4 * n)) &&
           (to->source = take(f, 4 * n)) && (to->origin = take(f, n)) && (to->known = take(f, 4 * n));
}

/* Copies on a device of what the host's results are. */
static bool take_results(hf_first *f)
{
    int64_t n = (int64_t)f->p.width * f->p.height;
    hf_first_result *r = &f->device;
    return f->be->host_memory ||
           ((r->soft = take(f, 4 * n * f->p.n_labels)) && (!f->p.has_edit || (r->edit = take(f, 16 * n))) &&
            (r->xy = take(f, 8 * n)) && (r->cover = take(f, 4 * n)));
}

/* The drawings are copied to a device, and borrowed on the host. */
static bool take_keys(hf_first *f, int64_t feature_bytes)
{
    int64_t n = f->be->host_memory ? 0 : (int64_t)f->p.width * f->p.height, n_edit = f->p.has_edit ? 4 * n : 0;
    if (f->counting) {
        f->bytes += f->p.n_keys * (feature_bytes + n + n_edit);
        return true;
    }
    if (!(f->keys = calloc((size_t)f->p.n_keys, sizeof(*f->keys))))
        return false;
    for (int k = 0; k < f->p.n_keys; k++)
        if (!(f->keys[k].features = take(f, feature_bytes)) || (n && !(f->keys[k].ids = take(f, n))) ||
            (n_edit && !(f->keys[k].edit = take(f, n_edit))))
            return false;
    return true;
}

static bool take_all(hf_first *f)
{
    int64_t n = (int64_t)f->p.width * f->p.height, G = group_size(&f->p);
    int64_t feature_bytes = (int64_t)4 * f->h * f->w * f->model->n_channels;
    hf_tensor view = feature_view(f, NULL);
    hf_match_dense_params mp = match_params(&f->p);

    f->match_scratch_bytes = (int64_t)f->be->ops.match_dense_scratch_bytes(f->be, &view, &view, &mp);
    f->splat_scratch_bytes = (int64_t)hf_splat_scratch_bytes(f->p.width, f->p.height, f->p.width,
                                                             f->p.height);
    return take_keys(f, feature_bytes) && (f->features = take(f, feature_bytes)) &&
           (f->rgb = take(f, (int64_t)3 * f->p.work_width * f->p.work_height)) &&
           take_field(f) && take_results(f) &&
           (f->match_scratch = take(f, f->match_scratch_bytes)) &&
           (f->splat_scratch = take(f, f->splat_scratch_bytes)) &&
           (f->payload = take(f, 4 * n * G)) && (f->group = take(f, 4 * n * fill_channels(&f->p))) &&
           (f->landed = take(f, 4 * n)) && (f->mean = take(f, 4));
}

static void set_sizes(hf_first *f, hf_model *model, const hf_first_params *params)
{
    f->model = model, f->be = model->backend, f->p = *params;
    hf_model_grid(model, params->work_width, params->work_height, &f->h, &f->w);
    f->field.width = params->width, f->field.height = params->height;
    f->field.half_px = HALF_TRUST_CELLS * (float)params->width / (float)f->w;
}

int64_t hf_first_bytes(hf_model *model, const hf_first_params *params)
{
    hf_first f = { .counting = true };
    set_sizes(&f, model, params);
    take_all(&f);
    return f.bytes + (int64_t)hf_fill_bytes(params->width, params->height, fill_channels(params));
}

int hf_first_open(hf_first **out, hf_model *model, const hf_first_params *params, hf_error *err)
{
    hf_first *f = NULL;
    int rc;

    *out = NULL;
    if ((rc = check(params, err)) < 0)
        return rc;
    if (!(f = calloc(1, sizeof(*f)))) {
        rc = hf_fail(err, HF_ENOMEM, "match first: out of memory");
        goto end;
    }
    set_sizes(f, model, params);
    if ((rc = model->prepare(model, params->work_width, params->work_height, err)) < 0)
        goto end;
    if ((rc = f->be->ops.first->fill_new(f->be, &f->fill, params->width, params->height, fill_channels(params),
                                         err)) < 0)
        goto end;
    if (!take_all(f)) {
        rc = hf_fail(err, HF_ENOMEM, "match first: out of memory for %dx%d pixels with %d labels",
                     params->width, params->height, params->n_labels);
        goto end;
    }
    *out = f;
    f = NULL;
end:
    hf_first_close(&f);
    return rc;
}

static void drop_keys(hf_first *f)
{
    for (int k = 0; f->keys && k < f->p.n_keys; k++) {
        f->be->ops.free(f->be, f->keys[k].features);
        if (!f->be->host_memory) {
            f->be->ops.free(f->be, f->keys[k].ids);
            f->be->ops.free(f->be, f->keys[k].edit);
        }
    }
    free(f->keys);
}

void hf_first_close(hf_first **first)
{
    hf_first *f = *first;
    if (!f)
        return;
    const hf_first_field *field = &f->field;
    void *const memory[] = { f->rgb, f->features, f->match_scratch, f->splat_scratch, f->payload, f->group, f->landed,
                             f->mean, field->forward, field->forward_similarity, field->backward,
                             field->backward_similarity, field->source, field->origin, field->known,
                             f->device.soft, f->device.edit, f->device.xy, f->device.cover };
    drop_keys(f);
    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
        f->be->ops.free(f->be, memory[i]);
    if (f->fill)
        f->be->ops.first->fill_free(f->be, &f->fill);
    free(f);
    *first = NULL;
}

static int extract(hf_first *f, float *features, const uint8_t *rgb, bool adapt, hf_error *err)
{
    hf_tensor picture = hf_tensor_view(f->rgb, HF_U8, 3, f->p.work_height, f->p.work_width, 3);
    hf_tensor view = feature_view(f, features);
    int rc = f->be->ops.write(f->be, &picture, rgb, err);

    if (rc >= 0 && adapt && f->model->adapt)
        rc = f->model->adapt(f->model, &picture, err);
    return rc < 0 ? rc : f->model->extract(f->model, &view, &picture, err);
}

/* The drawing of a key to where the backend reads it; without an edit its copy is transparent. */
static int keep_drawing(hf_first *f, key *k, const uint8_t *ids, const uint8_t *edit, hf_error *err)
{
    int64_t n = (int64_t)f->p.width * f->p.height;
    hf_tensor to_ids = hf_tensor_view(k->ids, HF_U8, 1, n), to_edit = hf_tensor_view(k->edit, HF_U8, 1, 4 * n);
    int rc;

    if (f->be->host_memory) {
        k->ids = (uint8_t *)ids, k->edit = (uint8_t *)edit; /* never written */
        return HF_OK;
    }
    if ((rc = f->be->ops.write(f->be, &to_ids, ids, err)) >= 0 && edit)
        rc = f->be->ops.write(f->be, &to_edit, edit, err);
    return rc < 0 ? rc : f->be->ops.sync(f->be, err);
}

int hf_first_seed(hf_first *first, int key, const uint8_t *rgb, const uint8_t *ids,
                  const uint8_t *edit, hf_error *err)
{
    int rc = extract(first, first->keys[key].features, rgb, !first->adapted, err);
    first->adapted = true;
    return rc < 0 ? rc : keep_drawing(first, &first->keys[key], ids, edit, err);
}

int hf_first_frame(hf_first *first, const uint8_t *rgb, hf_error *err)
{
    first->frame = first->features;
    return extract(first, first->features, rgb, false, err);
}

int hf_first_frame_on(hf_first *first, const uint8_t *picture, hf_error *err)
{
    hf_tensor rgb = hf_tensor_view((void *)picture, HF_U8, 3, first->p.work_height, first->p.work_width, 3);
    hf_tensor view = feature_view(first, first->features);
    first->frame = first->features;
    return first->model->extract(first->model, &view, &rgb, err);
}

void hf_first_use_features(hf_first *first, float *features) { first->frame = features; }

static int match_one_way(hf_first *f, int32_t *index_data, float *similarity_data, float *source, float *target,
                         hf_error *err)
{
    int H = f->p.height, W = f->p.width, rc;
    hf_tensor index = hf_tensor_view(index_data, HF_I32, 2, H, W);
    hf_tensor similarity = hf_tensor_view(similarity_data, HF_F32, 2, H, W);
    hf_tensor from = feature_view(f, source), to = feature_view(f, target);
    hf_tensor scratch = hf_tensor_view(f->match_scratch, HF_U8, 1, f->match_scratch_bytes);
    hf_match_dense_params params = match_params(&f->p);
    hf_backend *be = f->be;

    if ((rc = be->ops.match_dense(be, &index, &similarity, &from, &to, &params, &scratch, err)) < 0)
        return rc;
    return be->ops.match_stay(be, &index, &similarity, &from, &to, HF_MATCH_STAY_TOLERANCE, err);
}

/* Splat channels c0..c0+C-1 of the drawing into the group; the first one also says who landed where. */
static int splat_group(hf_first *f, const hf_drawing *d, int c0, int C, hf_error *err)
{
    int H = f->p.height, W = f->p.width, rc;
    hf_tensor out = hf_tensor_view(f->group, HF_F32, 3, H, W, C);
    hf_tensor payload = hf_tensor_view(f->payload, HF_F32, 3, H, W, C);
    hf_tensor landed = hf_tensor_view(f->landed, HF_F32, 2, H, W);
    hf_tensor winner = hf_tensor_view(c0 == 0 ? f->field.source : NULL, HF_I32, 2, H, W);
    hf_tensor index = hf_tensor_view(f->field.forward, HF_I32, 2, H, W);
    hf_tensor similarity = hf_tensor_view(f->field.forward_similarity, HF_F32, 2, H, W);
    hf_tensor scratch = hf_tensor_view(f->splat_scratch, HF_U8, 1, f->splat_scratch_bytes);
    hf_splat_params params = { .temperature = f->p.temperature };

    if ((rc = f->be->ops.first->draw(f->be, f->payload, &f->field, d, c0, C, err)) < 0)
        return rc;
    return f->be->ops.splat(f->be, &out, &landed, &winner, &payload, &index, &similarity, &params, &scratch, err);
}

/* One group of channels of the result; where nothing landed, the pixel asks the drawn frame itself. */
static int make_group(hf_first *f, const hf_first_result *to, const hf_drawing *d, int c0, int C, hf_error *err)
{
    const hf_first_ops *ops = f->be->ops.first;
    int rc;

    if ((rc = splat_group(f, d, c0, C, err)) < 0 ||
        (c0 == 0 && (rc = ops->ask(f->be, &f->field, err)) < 0) ||
        (rc = ops->draw_asked(f->be, f->group, &f->field, d, c0, C, err)) < 0 ||
        (rc = ops->fill_run(f->be, f->fill, f->group, f->field.known, C, err)) < 0)
        return rc;
    return ops->deal(f->be, to->soft, to->edit, f->group, &f->field, f->p.n_labels, c0, C, err);
}

/* What has no source moves as its surroundings do. */
static int find_coordinates(hf_first *f, float *xy, hf_error *err)
{
    const hf_first_ops *ops = f->be->ops.first;
    float *moved = f->group; /* [H,W,2] */
    int rc;

    if ((rc = ops->move(f->be, moved, &f->field, err)) < 0 ||
        (rc = ops->fill_run(f->be, f->fill, moved, f->field.known, 2, err)) < 0)
        return rc;
    return ops->place(f->be, xy, moved, &f->field, err);
}

static int read_floats(hf_first *f, float *to, float *from, int64_t n, hf_error *err)
{
    hf_tensor view = hf_tensor_view(from, HF_F32, 1, n);
    return f->be->ops.read(f->be, to, &view, err);
}

/* From the device, where the results are there. */
static int read_results(hf_first *f, hf_first_result *r, hf_error *err)
{
    int64_t n = (int64_t)f->p.width * f->p.height;
    int rc = read_floats(f, &r->mean_similarity, f->mean, 1, err);

    if (!f->be->host_memory && rc >= 0 &&
        (rc = read_floats(f, r->soft, f->device.soft, n * f->p.n_labels, err)) >= 0 &&
        (!r->edit || (rc = read_floats(f, r->edit, f->device.edit, 4 * n, err)) >= 0) &&
        (rc = read_floats(f, r->xy, f->device.xy, 2 * n, err)) >= 0)
        rc = read_floats(f, r->cover, f->device.cover, n, err);
    return rc < 0 ? rc : f->be->ops.sync(f->be, err);
}

/* Everything but mean_similarity, which stays in f->mean. */
static int match(hf_first *f, const hf_first_result *to, int key_number, bool wants_edit, hf_error *err)
{
    const key *k = &f->keys[key_number];
    hf_drawing drawing = { k->ids, wants_edit ? k->edit : NULL, f->p.n_labels };
    const hf_first_field *field = &f->field;
    int64_t n_pixels = (int64_t)f->p.width * f->p.height;
    int n = f->p.n_labels + (wants_edit ? 4 : 0), rc;

    if ((rc = match_one_way(f, field->forward, field->forward_similarity, k->features, f->frame, err)) < 0 ||
        (rc = match_one_way(f, field->backward, field->backward_similarity, f->frame, k->features, err)) < 0)
        return rc;
    for (int c0 = 0; c0 < n; c0 += GROUP)
        if ((rc = make_group(f, to, &drawing, c0, n - c0 < GROUP ? n - c0 : GROUP, err)) < 0)
            return rc;
    if ((rc = find_coordinates(f, to->xy, err)) < 0 ||
        (rc = f->be->ops.first->trust(f->be, to->cover, field, err)) < 0)
        return rc;
    return f->be->ops.first->mean(f->be, f->mean, field->backward_similarity, n_pixels, err);
}

int hf_first_match(hf_first *first, hf_first_result *result, int key_number, hf_error *err)
{
    const hf_first_result *to = first->be->host_memory ? result : &first->device;
    int rc = match(first, to, key_number, result->edit != NULL, err);
    return rc < 0 ? rc : read_results(first, result, err);
}

hf_first_result hf_first_results(const hf_first *first) { return first->device; }

int hf_first_match_on(hf_first *first, float *mean_similarity, int key_number, int has_edit, hf_error *err)
{
    int rc = match(first, &first->device, key_number, has_edit, err);
    return rc < 0 ? rc : read_floats(first, mean_similarity, first->mean, 1, err);
}
