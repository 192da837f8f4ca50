/* model_aside.c - see model_aside.h. */
#include "src/model_aside.h"

#include <stdlib.h>

typedef struct hf_model_aside {
    hf_model  base; /* first: callers hold this one */
    hf_model *inner;
    hf_mark  *there, *back; /* in the user's queue, in the model's; NULL on the host */
} hf_model_aside;

hf_model *hf_model_aside_inner(const hf_model *aside) { return ((const hf_model_aside *)aside)->inner; }

/* What the inner model queues from here on comes after all that the user has queued. */
static int go(const hf_model_aside *m, hf_error *err)
{
    hf_backend *user = m->base.backend, *own = m->inner->backend;
    if (!m->there)
        return HF_OK;
    int rc = user->ops.mark(user, m->there, err);
    return rc < 0 ? rc : own->ops.wait(own, m->there, err);
}

/* What the user queues from here on comes after all that the inner model has queued. */
static int come_back(const hf_model_aside *m, hf_error *err)
{
    hf_backend *user = m->base.backend, *own = m->inner->backend;
    if (!m->back)
        return HF_OK;
    int rc = own->ops.mark(own, m->back, err);
    return rc < 0 ? rc : user->ops.wait(user, m->back, err);
}

static void grid(const hf_model *model, int width, int height, int *h, int *w)
{
    hf_model_grid(((const hf_model_aside *)model)->inner, width, height, h, w);
}

static int prepare(hf_model *model, int width, int height, hf_error *err)
{
    hf_model *inner = ((hf_model_aside *)model)->inner;
    hf_model_set_batch(inner, model->batch);
    int rc = inner->prepare(inner, width, height, err);
    return rc < 0 ? rc : inner->backend->ops.sync(inner->backend, err);
}

static int adapt(hf_model *model, const hf_tensor *rgb, hf_error *err)
{
    const hf_model_aside *m = (hf_model_aside *)model;
    int rc = go(m, err);
    if (rc < 0 || (rc = m->inner->adapt(m->inner, rgb, err)) < 0)
        return rc;
    return come_back(m, err);
}

static int extract(hf_model *model, hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    const hf_model_aside *m = (hf_model_aside *)model;
    int rc = go(m, err);
    if (rc < 0 || (rc = m->inner->extract(m->inner, features, rgb, err)) < 0)
        return rc;
    return come_back(m, err);
}

static int extract_batch(hf_model *model, hf_tensor *features, const hf_tensor *rgb, hf_error *err)
{
    const hf_model_aside *m = (hf_model_aside *)model;
    int rc = go(m, err);
    if (rc < 0 || (rc = hf_model_extract_batch(m->inner, features, rgb, err)) < 0)
        return rc;
    return come_back(m, err);
}

static int64_t bytes(const hf_model *model, int width, int height)
{
    hf_model *inner = ((const hf_model_aside *)model)->inner;
    hf_model_set_batch(inner, model->batch);
    return inner->bytes(inner, width, height);
}

static void close_model(hf_model *model)
{
    hf_model_aside *m = (hf_model_aside *)model;
    hf_backend *user = m->base.backend, *own = m->inner->backend;
    if (m->there)
        user->ops.mark_free(user, &m->there);
    if (m->back)
        own->ops.mark_free(own, &m->back);
    hf_model_close(&m->inner);
    free(m);
}

int hf_model_aside_open(hf_model **out, hf_backend *be, hf_model *inner, hf_error *err)
{
    hf_model_aside *m = calloc(1, sizeof(*m));
    int rc;

    *out = NULL;
    if (!m) {
        hf_model_close(&inner);
        return hf_fail(err, HF_ENOMEM, "model: out of memory");
    }
    m->inner = inner;
    m->base = *inner;
    m->base.backend = be;
    m->base.grid = inner->grid ? grid : NULL;
    m->base.prepare = prepare;
    m->base.adapt = inner->adapt ? adapt : NULL;
    m->base.extract = extract;
    m->base.extract_batch = inner->extract_batch ? extract_batch : NULL;
    m->base.bytes = inner->bytes ? bytes : NULL;
    m->base.close = close_model;
    if (be->ops.mark_new && ((rc = be->ops.mark_new(be, &m->there, err)) < 0 ||
                             (rc = inner->backend->ops.mark_new(inner->backend, &m->back, err)) < 0)) {
        close_model(&m->base);
        return rc;
    }
    *out = &m->base;
    return HF_OK;
}
