/* session_render.c - one frame to pixels, from one key or blended from several.
 *
 * At a pixel, key k counts with weight_k * (cover_k + a little): labels are the weighted
 * mean over the keys that have ids, the edit (alpha multiplied in) over those that have
 * one. Coordinates and cover are those of the key with the largest weight.
 */
#include "propagate/session.h"

#include <omp.h>
#include <string.h>

#include "propagate/warp.h"

/* Lets uncovered pixels still be decided by the nearer key. */
#define LEAST_COVER 0.05f

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

/* Labels of a key that has none, where others do: background, to be left out of a blend. */
static void clear_labels(hf_session *s)
{
    int64_t n = n_pixels(s);
    memset(s->field.soft, 0, (size_t)(n * s->n_labels) * sizeof(float));
    for (int64_t i = 0; i < n; i++)
        s->field.soft[i] = 1.0f;
}

static int from_matches(hf_session *s, const uint8_t *rgb, int key, hf_error *err)
{
    hf_first_result r = { .soft = s->field.soft, .edit = s->field.painted, .xy = s->field.xy,
                          .cover = s->field.cover };
    int rc = hf_first_match(s->first, &r, key, err);
    if (rc < 0)
        return rc;
    if (s->guide)
        hf_session_bend(s, rgb, &s->keys[key]);
    if (s->field.painted)
        hf_warp_fade(s->field.painted, s->field.cover, n_pixels(s));
    s->mean_similarity = r.mean_similarity;
    return HF_OK;
}

static int from_given(hf_session *s, const uint8_t *rgb, const hf_followed *f, hf_error *err)
{
    const hf_session_key *k = &s->keys[f->key];
    hf_first_result r = { .soft = s->field.soft, .edit = s->field.painted, .xy = s->field.xy,
                          .cover = s->field.cover };
    int rc = hf_outside_render(s->outside, &r, k->labels, k->edit, f->flow, err);
    if (rc < 0)
        return rc;
    if (s->guide)
        hf_session_bend(s, rgb, k);
    if (s->field.painted)
        hf_warp_fade(s->field.painted, s->field.cover, n_pixels(s));
    s->mean_similarity = r.mean_similarity;
    return HF_OK;
}

static int from_cells(hf_session *s, const uint8_t *rgb, int key, const hf_cells *cells, bool alone,
                      hf_error *err)
{
    const hf_session_key *k = &s->keys[key];
    hf_drawn drawn = { .rgb = k->rgb, .ids = k->labels };
    int rc = s->device ? hf_session_device_refine(s, rgb, key, cells, alone, err)
                       : hf_host_context_ops.refine_run(s->backend, s->refine, s->field.soft, s->field.xy,
                                                        s->field.cover, cells, rgb, &drawn, err);
    if (rc < 0)
        return rc;
    if (!s->device || cells != s->cells) /* else it has come from there */
        s->mean_similarity = mean_of(cells->similarity, (int64_t)cells->h * cells->w);
    if (s->device && s->device->decided)
        return HF_OK;
    if (s->field.painted && k->edit)
        hf_warp_edit(s->field.painted, k->edit, s->field.xy, s->field.cover, s->params.width,
                     s->params.height);
    else if (s->field.painted)
        memset(s->field.painted, 0, (size_t)n_pixels(s) * 16);
    return HF_OK;
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

/* alone: nothing is blended with it afterwards. */
static int field_of(hf_session *s, const uint8_t *rgb, const hf_followed *f, bool alone, hf_error *err)
{
    bool objects = knows_objects(s, f->key);
    int rc = s->first     ? from_matches(s, rgb, f->key, err)
             : s->outside ? from_given(s, rgb, f, err)
                          : from_cells(s, rgb, f->key, f->cells, alone && objects, err);
    if (rc >= 0 && !objects)
        clear_labels(s);
    return rc;
}

static void clear_sums(hf_session *s)
{
    size_t n = (size_t)n_pixels(s);
    memset(s->sums.soft, 0, n * s->n_labels * sizeof(float));
    memset(s->sums.soft_weight, 0, n * sizeof(float));
    if (s->sums.painted) {
        memset(s->sums.painted, 0, n * 4 * sizeof(float));
        memset(s->sums.painted_weight, 0, n * sizeof(float));
    }
}

static void add_to_sums(hf_session *s, const hf_followed *f)
{
    int64_t n = n_pixels(s);
    const hf_session_field *from = &s->field;
    hf_session_sums *to = &s->sums;
    bool objects = knows_objects(s, f->key), painted = s->keys[f->key].edit != NULL;

#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        float weight = f->weight * (from->cover[i] + LEAST_COVER);
        if (objects) {
            for (int l = 0; l < s->n_labels; l++)
                to->soft[l * n + i] += weight * from->soft[l * n + i];
            to->soft_weight[i] += weight;
        }
        if (painted) {
            for (int c = 0; c < 4; c++)
                to->painted[4 * i + c] += weight * from->painted[4 * i + c];
            to->painted_weight[i] += weight;
        }
    }
}

static void take_means(hf_session *s)
{
    int64_t n = n_pixels(s);
    const hf_session_sums *from = &s->sums;

#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++) {
        float w = from->soft_weight[i];
        for (int l = 0; w > 0.0f && l < s->n_labels; l++)
            s->field.soft[l * n + i] = from->soft[l * n + i] / w;
        w = s->field.painted ? from->painted_weight[i] : 0.0f;
        for (int c = 0; w > 0.0f && c < 4; c++)
            s->field.painted[4 * i + c] = from->painted[4 * i + c] / w;
    }
}

/* The heaviest goes last: its coordinates and cover are the ones that stay in the field. */
static int blend(hf_session *s, const uint8_t *rgb, const hf_followed *followed, int n,
                 hf_error *err)
{
    int heaviest = 0;
    for (int i = 1; i < n; i++)
        if (followed[i].weight > followed[heaviest].weight)
            heaviest = i;
    clear_sums(s);
    for (int i = 0; i < n; i++) {
        const hf_followed *f = &followed[i < heaviest ? i : i + 1 < n ? i + 1 : heaviest];
        int rc = field_of(s, rgb, f, false, err);
        if (rc < 0)
            return rc;
        add_to_sums(s, f);
    }
    take_means(s);
    return HF_OK;
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
        if (s->context && !f->cells)
            return hf_fail(err, HF_EARG, "render: key %d was followed but has no cells", f->key);
        if (s->outside && !f->flow)
            return hf_fail(err, HF_EARG, "render: key %d has no field of displacements, which this mode wants", f->key);
    }
    return HF_OK;
}

/* The features that all keys are matched with, in match mode first. */
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

int hf_session_render(hf_session *session, hf_result *result, const uint8_t *rgb,
                      const hf_followed *followed, int n, hf_error *err)
{
    hf_session *s = session;
    int rc = check_followed(s, followed, n, err);
    if (rc < 0)
        return rc;
    omp_set_num_threads(s->backend->n_threads);
    if (s->first && (rc = describe(s, rgb, err)) < 0)
        return rc;
    rc = n == 1 ? field_of(s, rgb, followed, true, err) : blend(s, rgb, followed, n, err);
    if (rc < 0)
        return rc;
    if (s->field.painted && !(s->device && s->device->decided))
        hf_warp_straighten(s->edit, s->field.painted, n_pixels(s));
    hf_session_fill_result(s, result);
    return HF_OK;
}

int hf_session_step(hf_session *session, hf_result *result, const uint8_t *rgb, hf_error *err)
{
    hf_session *s = session;
    int rc = s->device && s->followed >= 0 ? hf_session_device_track(s, NULL, rgb, err)
                                           : hf_session_track(s, NULL, rgb, err);
    hf_followed followed = { .key = s->followed, .cells = s->cells, .weight = 1.0f };
    if (rc >= 0)
        rc = hf_session_render(s, result, rgb, &followed, 1, err);
    if (s->device)
        s->device->has_frame = false; /* a render of its own brings its frame */
    return rc;
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
    hf_session_fill_result(s, result);
    if (s->edit && k->edit)
        memcpy(s->edit, k->edit, (size_t)n * 4);
    else if (s->edit)
        memset(s->edit, 0, (size_t)n * 4);
    return HF_OK;
}
