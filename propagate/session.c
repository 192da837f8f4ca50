/* session.c - open and close a session, its parameters and its memory. See src/hfprop.h. */
#include "propagate/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hf_config.h"
#include "propagate/context_ops.h"
#include "src/model_aside.h"

#define DEFAULT_SIZE 480
#define DEFAULT_FIRST_TEMPERATURE 0.02f

const char *hf_version(void)
{
    return HF_VERSION;
}

/* One number of the parameters with its range; 0 always means the default. */
typedef struct range {
    const char *name;
    double      value, low, high;
} range;

static int check_params(const hf_session_params *p, hf_error *err)
{
    const range ranges[] = {
        { "width", p->width, 1, HF_MAX_SIDE },
        { "height", p->height, 1, HF_MAX_SIDE },
        { "threads", p->n_threads, 0, 1024 },
        { "size", p->size, 0, HF_MAX_SIDE },
        { "recent frames", p->n_recent, 0, 64 },
        { "k", p->k, 0, 32 },
        { "radius", p->radius_cells, 0, 4096 },
        { "temperature", (double)p->temperature, 0, 100 },
        { "match mode", p->match, HF_MATCH_AUTO, HF_MATCH_GIVEN },
        { "flow way", p->flow_way, HF_FLOW_TO_KEY, HF_FLOW_FROM_KEY },
        { "refine", p->refine, -1, 1 },
        { "matte contrast", p->matte_contrast == 0.0f ? 1.0 : (double)p->matte_contrast, 1, 64 },
        { "batch", p->batch, -HF_MAX_BATCH, HF_MAX_BATCH },
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        const range *r = &ranges[i];
        if (!(r->value >= r->low && r->value <= r->high))
            return hf_fail(err, HF_EARG, "%s is %g, want %g..%g", r->name, r->value, r->low,
                           r->high);
    }
    return HF_OK;
}

static void copy_name(char *to, size_t size, const char **name, const char *standard)
{
    snprintf(to, size, "%s", *name ? *name : standard);
    *name = to;
}

/* The whole factor that brings the shorter side nearest to the size asked for. */
static int working_factor(const hf_session_params *p)
{
    int shorter = p->width < p->height ? p->width : p->height;
    int factor = (int)lrint((double)shorter / p->size);
    return factor > 1 ? factor : 1;
}

/* A small video is doubled where that comes nearer to the size: its objects are few cells wide
 * otherwise. Not more, since cells must stay whole pixels and 4 or more of them. */
static int working_enlargement(const hf_session_params *p)
{
    int shorter = p->width < p->height ? p->width : p->height;
    return 3 * shorter < 2 * p->size ? 2 : 1;
}

static void fill_defaults(hf_session *s)
{
    hf_session_params *p = &s->params;
    bool first = p->match == HF_MATCH_FIRST;

    if (!p->model.name)
        p->model.name = HF_MODEL_DEFAULT;
    copy_name(s->device_name, sizeof(s->device_name), &p->device, "auto");
    p->match = p->match == HF_MATCH_AUTO ? HF_MATCH_CONTEXT : p->match;
    p->model.match = p->match;
    p->size = p->size ? p->size : DEFAULT_SIZE;
    p->refine = p->refine ? p->refine : 1;
    p->matte_contrast = p->matte_contrast > 0.0f ? p->matte_contrast : 1.0f;
    hf_context_params c = HF_CONTEXT_DEFAULTS;
    p->n_recent = p->n_recent ? p->n_recent : c.n_recent;
    p->k = p->k ? p->k : c.k;
    p->radius_cells = p->radius_cells ? p->radius_cells : c.radius_cells;
    if (p->temperature == 0.0f)
        p->temperature = first ? DEFAULT_FIRST_TEMPERATURE : c.temperature;
    s->factor = working_factor(p);
    s->enlarge = working_enlargement(p);
    s->work_width = (p->width * s->enlarge + s->factor - 1) / s->factor;
    s->work_height = (p->height * s->enlarge + s->factor - 1) / s->factor;
}

static hf_post_params post_params(const hf_session_params *p)
{
    return (hf_post_params){ p->grow_px, p->feather_px, p->despeckle_px, p->fill_holes_px };
}

static bool wants_post(const hf_session_params *p)
{
    return p->grow_px || p->feather_px > 0.0f || p->despeckle_px || p->fill_holes_px;
}

static int open_backend(hf_session *s, hf_error *err)
{
    int rc = hf_backend_open(&s->backend, s->params.device, s->params.n_threads, err);
    if (rc < 0)
        return rc;
    s->params.n_threads = s->backend->n_threads;
    if (strcmp(s->device_name, "auto") == 0)
        snprintf(s->device_name, sizeof(s->device_name), "%s", s->backend->name);
    return HF_OK;
}

/* Whether the model's work is worth a thread on the host, beside that of the frame before. */
static bool wants_thread(const hf_session *s)
{
    return s->params.batch && s->backend->host_memory && s->backend->n_threads > 1 && s->own->is_light;
}

/* Opens the model anew, on a handle with half of the threads. */
static int open_beside(hf_session *s, hf_error *err)
{
    hf_model_close(&s->own);
    int rc = hf_backend_open(&s->side, s->device_name, (s->params.n_threads + 1) / 2, err);
    return rc < 0 ? rc : hf_model_open(&s->own, s->side, &s->params.model, err);
}

/* Where somebody looks ahead, and the backend can, the model has a queue of its own. */
static int open_model(hf_session *s, hf_error *err)
{
    int rc;
    if (s->params.batch && s->backend->ops.mark_new &&
        (rc = hf_backend_open(&s->side, s->device_name, s->params.n_threads, err)) < 0)
        return rc;
    rc = hf_model_open(&s->own, s->side ? s->side : s->backend, &s->params.model, err);
    if (rc >= 0 && wants_thread(s))
        rc = open_beside(s, err);
    if (rc < 0 || !s->side) {
        s->model = s->own;
        return rc;
    }
    if ((rc = hf_model_aside_open(&s->model, s->backend, s->own, err)) < 0)
        s->own = NULL;
    return rc;
}

/* Checks the ranges of post-processing even where nothing is asked: -1 is not "nothing". */
static int open_parts(hf_session *s, hf_error *err)
{
    hf_post_params pp = post_params(&s->params);
    int rc = hf_post_new(&s->post, s->params.width, s->params.height, &pp, err);

    if (rc >= 0 && !wants_post(&s->params))
        hf_post_free(&s->post);
    if (rc >= 0)
        rc = open_backend(s, err);
    if (rc >= 0 && s->params.match != HF_MATCH_GIVEN)
        rc = open_model(s, err);
    return rc;
}

int hf_session_open(hf_session **out, const hf_session_params *params, hf_error *err)
{
    hf_session *s = NULL;
    int rc;

    *out = NULL;
    if ((rc = check_params(params, err)) < 0)
        goto end;
    if (!(s = calloc(1, sizeof(*s)))) {
        rc = hf_fail(err, HF_ENOMEM, "session: out of memory");
        goto end;
    }
    s->params = *params;
    s->followed = -1;
    fill_defaults(s);
    if ((rc = hf_model_params_copy(&s->model_params, &s->params.model, err)) < 0)
        goto end;
    s->params.model = *s->model_params;
    if ((rc = open_parts(s, err)) < 0)
        goto end;
    *out = s;
    s = NULL;
end:
    hf_session_close(&s);
    return rc;
}

static void drop_key(hf_session *s, hf_session_key *k)
{
    hf_session_drop(s, k->rgb);
    hf_session_drop(s, k->labels);
    hf_session_drop(s, k->edit);
}

static void drop_memory(hf_session *s)
{
    void *const memory[] = { s->work_rgb, s->work_labels, s->field.soft, s->field.painted, s->field.xy, s->field.cover,
                             s->sums.soft, s->sums.soft_weight, s->sums.painted, s->sums.painted_weight, s->ids,
                             s->ids_before, s->alpha, s->soft, s->edit };
    for (int k = 0; k < s->n_keys; k++)
        drop_key(s, &s->keys[k]);
    for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
        hf_session_drop(s, memory[i]);
    free(s->keys);
    free(s->model_params);
}

void hf_session_close(hf_session **session)
{
    hf_session *s = session ? *session : NULL;
    if (!s)
        return;
    hf_context_close(&s->context);
    hf_outside_close(&s->outside);
    if (s->refine)
        s->backend->ops.context->refine_free(s->backend, &s->refine);
    if (s->bend)
        hf_session_first_ops(s)->bend_free(s->backend, &s->bend);
    hf_session_device_close(s);
    hf_first_close(&s->first);
    hf_session_ahead_close(s);
    hf_post_free(&s->post);
    hf_cells_free(&s->cells);
    hf_model_close(&s->model);
    drop_memory(s);
    hf_backend_close(&s->side);
    hf_backend_close(&s->backend);
    free(s);
    *session = NULL;
}

void hf_session_settings(const hf_session *session, hf_session_params *settings)
{
    *settings = session->params;
}

int hf_session_needs_tracking(const hf_session *session)
{
    return session->params.match == HF_MATCH_CONTEXT;
}

/* Following writes the context and what was shown ahead, rendering the field and the results. */
int hf_session_can_overlap(const hf_session *session)
{
    return session->params.match == HF_MATCH_CONTEXT && !hf_session_on_device(session) && session->backend->n_threads > 1;
}

void *hf_session_take(hf_session *s, int64_t bytes)
{
    size_t size = (size_t)(bytes ? bytes : 1);
    s->bytes += bytes;
    if (s->counting)
        return s;
    return s->backend->ops.alloc_host ? s->backend->ops.alloc_host(s->backend, size) : calloc(1, size);
}

void hf_session_drop(hf_session *s, void *memory)
{
    if (!memory)
        return;
    if (s->backend->ops.free_host)
        s->backend->ops.free_host(s->backend, memory);
    else
        free(memory);
}

static bool take_field(hf_session *s, int64_t n)
{
    int64_t L = s->n_labels;
    /* Edits are carried by coordinates, and the other ways of matching need them themselves. */
    bool wants_xy = hf_session_on_device(s) && s->params.no_coordinates > 1 ? false
                  : !s->params.no_coordinates || s->n_edits || s->params.match != HF_MATCH_CONTEXT;
    return (s->field.soft = hf_session_take(s, 4 * L * n)) &&
           (!wants_xy || (s->field.xy = hf_session_take(s, 8 * n))) &&
           (s->field.cover = hf_session_take(s, 4 * n)) &&
           (!s->n_edits || hf_session_on_device(s) || (s->field.painted = hf_session_take(s, 16 * n)));
}

static bool take_sums(hf_session *s, int64_t n)
{
    int64_t L = s->n_labels;
    if (s->n_keys < 2 || hf_session_on_device(s))
        return true;
    s->sums.n = n, s->sums.n_labels = s->n_labels;
    return (s->sums.soft = hf_session_take(s, 4 * L * n)) &&
           (s->sums.soft_weight = hf_session_take(s, 4 * n)) &&
           (!s->n_edits || ((s->sums.painted = hf_session_take(s, 16 * n)) &&
                            (s->sums.painted_weight = hf_session_take(s, 4 * n))));
}

static bool take_results(hf_session *s, int64_t n)
{
    int64_t work = (int64_t)s->work_width * s->work_height;
    return (s->ids = hf_session_take(s, n)) && (s->alpha = hf_session_take(s, n)) &&
           (s->soft = hf_session_take(s, n * s->n_ids)) &&
           (!s->n_edits || (s->edit = hf_session_take(s, 4 * n))) &&
           (!s->post || (s->ids_before = hf_session_take(s, n))) &&
           ((s->factor == 1 && s->enlarge == 1) || ((s->work_rgb = hf_session_take(s, 3 * work)) &&
                               (s->work_labels = hf_session_take(s, work))));
}

bool hf_session_take_all(hf_session *s)
{
    int64_t n = (int64_t)s->params.width * s->params.height;
    return take_field(s, n) && take_sums(s, n) && take_results(s, n);
}

hf_first_params hf_session_first_params(const hf_session *s)
{
    return (hf_first_params){ s->params.width, s->params.height, s->work_width, s->work_height,
                              s->n_keys, s->n_labels, s->n_edits > 0, s->params.temperature };
}

hf_context_params hf_session_context_params(const hf_session *s)
{
    hf_context_params c = HF_CONTEXT_DEFAULTS;
    c.n_recent = s->params.n_recent;
    c.k = s->params.k;
    c.radius_cells = s->params.radius_cells;
    c.temperature = s->params.temperature;
    return c;
}

static hf_refine_params refine_params(const hf_session *s)
{
    hf_refine_params r = HF_REFINE_DEFAULTS;
    r.edges = s->params.refine > 0;
    r.radius_px *= s->factor;
    return r;
}

static int open_bend(hf_session *s, hf_error *err)
{
    hf_refine_params r = refine_params(s);
    if (!r.edges)
        return HF_OK;
    return hf_session_first_ops(s)->bend_new(s->backend, &s->bend, s->params.width, s->params.height, r.radius_px, r.epsilon,
                                             err);
}

static int prepare_first(hf_session *s, hf_error *err)
{
    hf_first_params p = hf_session_first_params(s);
    int rc = hf_first_open(&s->first, s->model, &p, err);
    if (rc >= 0)
        rc = open_bend(s, err);
    for (int k = 0; rc >= 0 && k < s->n_keys; k++) {
        const hf_session_key *key = &s->keys[k];
        rc = hf_first_seed(s->first, k, hf_session_scale(s, key->rgb), key->labels, key->edit,
                           err);
    }
    return rc;
}

hf_outside_params hf_session_outside_params(const hf_session *s)
{
    return (hf_outside_params){ s->params.width, s->params.height, s->n_labels, s->params.flow_way };
}

static int prepare_given(hf_session *s, hf_error *err)
{
    hf_outside_params p = hf_session_outside_params(s);
    int rc = hf_outside_open(&s->outside, s->backend, &p, err);
    return rc < 0 ? rc : open_bend(s, err);
}

static int prepare_context(hf_session *s, hf_error *err)
{
    hf_context_params c = hf_session_context_params(s);
    hf_refine_params r = refine_params(s);
    int rc = hf_context_open(&s->context, s->model, s->work_width, s->work_height, &c, err);
    if (rc >= 0)
        rc = s->backend->ops.context->refine_new(s->backend, &s->refine, s->params.width, s->params.height, s->n_labels,
                                                 &r, err);
    return rc;
}

int hf_session_prepare(hf_session *s, hf_error *err)
{
    int rc;
    if (s->prepared)
        return HF_OK;
    if (s->n_keys == 0)
        return hf_fail(err, HF_EARG, "session: no key frame was added");
    if (s->n_labels)
        return hf_fail(err, HF_EARG, "session: preparing it has failed before");
    hf_session_make_labels(s);
    hf_session_choose_batch(s);
    if (!hf_session_take_all(s))
        return hf_fail(err, HF_ENOMEM, "session: out of memory for %dx%d pixels with %d objects",
                       s->params.width, s->params.height, s->n_ids);
    rc = s->params.match == HF_MATCH_FIRST   ? prepare_first(s, err)
         : s->params.match == HF_MATCH_GIVEN ? prepare_given(s, err)
                                             : prepare_context(s, err);
    if (rc < 0 || (rc = hf_session_ahead_open(s, err)) < 0)
        return rc;
    s->prepared = true;
    if (hf_session_needs_tracking(s) && (rc = hf_session_cells_new(s, &s->cells, err)) < 0)
        return rc;
    return hf_session_device_open(s, err);
}
