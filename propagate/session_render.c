/* session_render.c - one frame to pixels, from one key or blended from several.
 *
 * Every step is one of the backend's tables on a device, of the host's else. How keys are weighed is in blend.h; coordinates
 * and cover are those of the key with the largest weight.
 */
#include "propagate/session.h"

#include <omp.h>
#include <string.h>

#include "propagate/warp.h"

static float mean_of(const float *values, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)values[i];
    return (float)(sum / (double)n);
}

static int64_t n_pixels(const hf_session *s)
{
    return (int64_t)s->params.width * s->params.height;
}

/* Where the steps write: on the device, or the result's own. */
static const hf_session_field *place(const hf_session *s) { return s->device ? &s->device->field : &s->field; }

static const hf_blend *sums(const hf_session *s) { return s->device ? &s->device->sums : &s->sums; }

/* Edges of labels that were matched pixel by pixel, and an edit that fades where it is not sure. */
static int mend(hf_session *s, const uint8_t *frame, int key, hf_error *err)
{
    const hf_session_field *to = place(s);
    const uint8_t *drawn_rgb = s->device ? s->device->drawn[key].rgb : s->keys[key].rgb;
    hf_bend_frame from = { frame, drawn_rgb, to->xy, to->cover };
    int rc = s->bend ? hf_session_first_ops(s)->bend_run(s->backend, s->bend, to->soft, s->n_labels, &from, err) : HF_OK;
    if (rc < 0 || !s->keys[key].edit)
        return rc;
    return hf_session_context_ops(s)->fade(s->backend, to->painted, to->cover, n_pixels(s), err);
}

static int from_matches(hf_session *s, const uint8_t *frame, int key, hf_error *err)
{
    bool has_edit = s->keys[key].edit != NULL;
    hf_first_result r = { .soft = s->field.soft, .edit = has_edit ? s->field.painted : NULL, .xy = s->field.xy,
                          .cover = s->field.cover };
    int rc = s->device ? hf_first_match_on(s->first, &s->mean_similarity, key, has_edit, err)
                       : hf_first_match(s->first, &r, key, err);
    if (rc >= 0 && !s->device)
        s->mean_similarity = r.mean_similarity;
    return rc < 0 ? rc : mend(s, frame, key, err);
}

static int from_given(hf_session *s, const uint8_t *frame, const hf_followed *f, hf_error *err)
{
    const hf_session_field *to = place(s);
    hf_outside_result r = { to->soft, to->painted, to->xy, to->cover, s->device ? s->device->mean : &s->mean_similarity };
    hf_drawing host = { s->keys[f->key].labels, s->keys[f->key].edit, s->n_labels };
    hf_drawing drawing = s->device ? hf_session_device_drawing(s, f->key) : host;
    const float *flow = f->flow;
    int rc = s->device ? hf_session_device_send_flow(s, &flow, err) : HF_OK;
    if (rc < 0 || (rc = hf_outside_render(s->outside, &r, &drawing, flow, err)) < 0 ||
        (s->device && (rc = hf_session_device_fetch_mean(s, err)) < 0))
        return rc;
    return mend(s, frame, f->key, err);
}

/* Where the steps read them; NULL: what the last track left. */
static const hf_cells *cells_of(const hf_session *s, const hf_cells *cells)
{
    if (s->device)
        return cells ? s->device->sent : s->device->cells;
    return cells ? cells : s->cells;
}

static int from_cells(hf_session *s, const uint8_t *frame, int key, const hf_cells *cells, hf_error *err)
{
    const hf_context_ops *ops = hf_session_context_ops(s);
    const hf_session_field *to = place(s);
    const hf_session_key *k = &s->keys[key];
    const hf_drawn host = { .rgb = k->rgb, .ids = k->labels }, *drawn = s->device ? &s->device->drawn[key] : &host;
    const uint8_t *edit = s->device ? s->device->edits[key] : k->edit;
    const hf_cells *from = cells_of(s, cells);
    int rc = HF_OK;

    if (s->device && cells)
        rc = hf_cells_from_host(s->device->sent, s->backend, cells, err);
    if (rc < 0 || (rc = ops->refine_run(s->backend, s->refine, to->soft, to->xy, to->cover, from, frame, drawn, err)) < 0)
        return rc;
    if (!s->device || cells)
        s->mean_similarity = mean_of(cells ? cells->similarity : from->similarity, (int64_t)from->h * from->w);
    else if ((rc = hf_session_device_fetch_mean(s, err)) < 0)
        return rc;
    return edit ? ops->warp(s->backend, to->painted, edit, to->xy, to->cover, s->params.width, s->params.height, err)
                : HF_OK;
}

static bool any_ids(const hf_session *s)
{
    for (int k = 0; k < s->n_keys; k++)
        if (s->keys[k].has_ids)
            return true;
    return false;
}

static bool knows_objects(const hf_session *s, int key)
{
    return s->keys[key].has_ids || !any_ids(s);
}

/* painted is filled only where the key has an edit, and labels say nothing where it does not know objects. */
static int field_of(hf_session *s, const uint8_t *frame, const hf_followed *f, hf_error *err)
{
    return s->first     ? from_matches(s, frame, f->key, err)
           : s->outside ? from_given(s, frame, f, err)
                        : from_cells(s, frame, f->key, f->cells, err);
}

/* One key alone. It is blended where it does not know objects, so that all is background. */
static int single(hf_session *s, const uint8_t *frame, const hf_followed *f, hf_error *err)
{
    const hf_context_ops *ops = hf_session_context_ops(s);
    int rc = field_of(s, frame, f, err);
    if (rc < 0 || knows_objects(s, f->key) || (rc = ops->blend_clear(s->backend, sums(s), err)) < 0)
        return rc;
    return ops->blend_mean(s->backend, sums(s), place(s)->soft, NULL, err);
}

static int add(hf_session *s, const hf_followed *f, hf_error *err)
{
    const hf_session_field *from = place(s);
    bool objects = knows_objects(s, f->key), painted = s->keys[f->key].edit != NULL;
    return hf_session_context_ops(s)->blend_add(s->backend, sums(s), objects ? from->soft : NULL,
                                                painted ? from->painted : NULL, from->cover, f->weight, err);
}

/* The heaviest goes last: its coordinates and cover are the ones that stay in the field. */
static int blend(hf_session *s, const uint8_t *frame, const hf_followed *followed, int n, hf_error *err)
{
    const hf_context_ops *ops = hf_session_context_ops(s);
    int heaviest = 0, rc;
    for (int i = 1; i < n; i++)
        if (followed[i].weight > followed[heaviest].weight)
            heaviest = i;
    rc = ops->blend_clear(s->backend, sums(s), err);
    for (int i = 0; rc >= 0 && i < n; i++) {
        const hf_followed *f = &followed[i < heaviest ? i : i + 1 < n ? i + 1 : heaviest];
        if ((rc = field_of(s, frame, f, err)) >= 0)
            rc = add(s, f, err);
    }
    return rc < 0 ? rc : ops->blend_mean(s->backend, sums(s), place(s)->soft, place(s)->painted, err);
}

static int check_followed(const hf_session *s, const hf_followed *followed, int n, hf_error *err)
{
    if (!s->prepared)
        return hf_fail(err, HF_EARG, "render: no key has been followed");
    if (n < 1 || n > s->n_keys)
        return hf_fail(err, HF_EARG, "render: from %d keys, want 1..%d", n, s->n_keys);
    for (int i = 0; i < n; i++) {
        const hf_followed *f = &followed[i];
        if (f->key < 0 || f->key >= s->n_keys)
            return hf_fail(err, HF_EARG, "render: key %d, want 0..%d", f->key, s->n_keys - 1);
        if (!(f->weight > 0.0f))
            return hf_fail(err, HF_EARG, "render: weight of key %d is %g, want more than 0",
                           f->key, (double)f->weight);
        if (s->context && !f->cells && !(s->has_cells && f->key == s->followed))
            return hf_fail(err, HF_EARG, "render: key %d was followed but has no cells", f->key);
        if (s->outside && !f->flow)
            return hf_fail(err, HF_EARG, "render: key %d has no field of displacements, which this mode wants", f->key);
    }
    return HF_OK;
}

/* The features that all keys are matched with, in match mode first, on the host. */
static int describe(hf_session *s, const uint8_t *rgb, hf_error *err)
{
    hf_seen seen;
    bool found;
    int rc = hf_session_ahead_take(s, &seen, &found, rgb, err);
    if (rc < 0 || !found)
        return rc < 0 ? rc : hf_first_frame(s->first, hf_session_scale(s, rgb), err);
    hf_first_use_features(s->first, seen.features);
    return HF_OK;
}

/* From the field to what a user gets. A lone key without an edit clears it. */
static int finish(hf_session *s, const hf_followed *followed, int n, hf_error *err)
{
    bool painted = s->edit && (n > 1 || s->keys[followed[0].key].edit);
    int rc = HF_OK;
    if (s->device)
        rc = hf_session_device_finish(s, painted, err);
    else
        hf_session_decide(s);
    if (s->edit && !painted)
        memset(s->edit, 0, (size_t)n_pixels(s) * 4);
    else if (painted && !s->device)
        hf_warp_straighten(s->edit, s->field.painted, n_pixels(s));
    return rc;
}

/* Whether the frame is the one that was followed last, see hf_session_render. */
static bool is_followed(const hf_session *s, const hf_followed *followed, int n)
{
    bool any = false;
    for (int i = 0; s->context && i < n; i++)
        any |= !followed[i].cells;
    return any;
}

int hf_session_render(hf_session *session, hf_result *result, const uint8_t *rgb,
                      const hf_followed *followed, int n, hf_error *err)
{
    hf_session *s = session;
    int rc = check_followed(s, followed, n, err);
    if (rc < 0)
        return rc;
    omp_set_num_threads(s->backend->n_threads);
    if (s->device)
        rc = hf_session_device_bring(s, rgb, is_followed(s, followed, n), err);
    else if (s->first)
        rc = describe(s, rgb, err);
    if (rc < 0)
        return hf_session_device_end(s, rc);
    const uint8_t *frame = s->device ? s->device->frame : rgb;
    rc = n == 1 ? single(s, frame, followed, err) : blend(s, frame, followed, n, err);
    if (rc < 0 || (rc = finish(s, followed, n, err)) < 0)
        return hf_session_device_end(s, rc);
    hf_session_fill_result(s, result);
    return HF_OK;
}

int hf_session_step(hf_session *session, hf_result *result, const uint8_t *rgb, hf_error *err)
{
    hf_session *s = session;
    int rc = hf_session_track_queued(s, NULL, rgb, err);
    hf_followed followed = { .key = s->followed, .weight = 1.0f };
    return rc < 0 ? rc : hf_session_render(s, result, rgb, &followed, 1, err);
}

int hf_session_render_key(hf_session *session, hf_result *result, int key, hf_error *err)
{
    hf_session *s = session;
    int rc = hf_session_prepare(s, err);
    if (rc < 0)
        return rc;
    if (key < 0 || key >= s->n_keys)
        return hf_fail(err, HF_EARG, "render: key %d, want 0..%d", key, s->n_keys - 1);
    const hf_session_key *k = &s->keys[key];
    int64_t n = n_pixels(s);

    memset(s->field.soft, 0, (size_t)(n * s->n_labels) * sizeof(float));
    for (int64_t i = 0; i < n; i++) {
        int label = knows_objects(s, key) ? k->labels[i] : 0;
        s->field.soft[label * n + i] = 1.0f;
        s->field.cover[i] = 1.0f;
    }
    for (int64_t i = 0; s->field.xy && i < n; i++) {
        s->field.xy[2 * i] = (float)(i % s->params.width);
        s->field.xy[2 * i + 1] = (float)(i / s->params.width);
    }
    s->mean_similarity = 1.0f;
    hf_session_decide(s);
    hf_session_fill_result(s, result);
    if (s->edit && k->edit)
        memcpy(s->edit, k->edit, (size_t)n * 4);
    else if (s->edit)
        memset(s->edit, 0, (size_t)n * 4);
    return HF_OK;
}
