/* session_ahead.c - features of frames before they are asked for: hf_session_look_ahead.
 *
 *   queue of the model    up 8 frames, network | up 8 frames, network |  ...
 *   queue of the session                       | match, splat, bring back: 8 times | ...
 *
 * On the host the model's queue is a thread (session_ahead_thread.c), with half of the processors.
 *
 * Two batches take turns. One is filled only when all of its frames have been taken, and every call of the session that
 * reads a frame of it has waited for the device when it returns: so nothing in it is still in use.
 */
#include "propagate/session.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

static bool is_scaled(const hf_session *s) { return s->factor > 1 || s->enlarge > 1; }

static int64_t frame_bytes(const hf_session *s) { return (int64_t)3 * s->params.width * s->params.height; }

static int64_t picture_bytes(const hf_session *s) { return (int64_t)3 * s->work_width * s->work_height; }

static int64_t feature_bytes(const hf_session *s)
{
    int h, w;
    hf_model_grid(s->model, s->work_width, s->work_height, &h, &w);
    return (int64_t)sizeof(float) * h * w * s->model->n_channels;
}

/* The queue that a batch is made in. */
static hf_backend *queue_of(const hf_session *s) { return s->own->backend; }

int64_t hf_session_ahead_bytes(const hf_session *s)
{
    bool has_frames = !s->backend->host_memory, has_pictures = is_scaled(s) || !has_frames;
    int64_t one = feature_bytes(s) + (has_frames ? frame_bytes(s) : 0) + (has_pictures ? picture_bytes(s) : 0);
    return HF_AHEAD_BATCHES * s->params.batch * one;
}

static void *take(hf_session *s, int64_t bytes, bool *ok)
{
    void *memory = *ok ? s->backend->ops.alloc(s->backend, (size_t)bytes) : NULL;
    *ok = memory != NULL;
    return memory;
}

static int open_batch(hf_session *s, hf_ahead_batch *b, hf_error *err)
{
    int64_t N = s->params.batch;
    hf_backend *queue = queue_of(s);
    bool ok = true;

    if (!s->backend->host_memory) {
        ok = (b->staging = hf_session_take(s, N * frame_bytes(s))) != NULL;
        b->frames = take(s, N * frame_bytes(s), &ok);
    }
    b->pictures = b->frames && !is_scaled(s) ? b->frames : take(s, N * picture_bytes(s), &ok);
    b->features = take(s, N * feature_bytes(s), &ok);
    if (!ok)
        return hf_fail(err, HF_ENOMEM, "session: out of memory for %d frames of %dx%d pixels at a time; a smaller --batch "
                       "needs less", s->params.batch, s->params.width, s->params.height);
    return queue == s->backend || !queue->ops.mark_new ? HF_OK : queue->ops.mark_new(queue, &b->done, err);
}

int hf_session_ahead_open(hf_session *s, hf_error *err)
{
    int rc = HF_OK;
    if (!s->params.batch)
        return HF_OK;
    if (!(s->ahead = calloc(1, sizeof(*s->ahead))))
        return hf_fail(err, HF_ENOMEM, "session: out of memory");
    for (int i = 0; i < HF_AHEAD_BATCHES && rc >= 0; i++)
        rc = open_batch(s, &s->ahead->batch[i], err);
    return rc >= 0 && s->side && s->backend->host_memory ? hf_ahead_thread_open(&s->ahead->thread, s, err) : rc;
}

void hf_session_ahead_close(hf_session *s)
{
    if (!s->ahead)
        return;
    hf_ahead_thread_close(&s->ahead->thread);
    queue_of(s)->ops.sync(queue_of(s), NULL); /* whatever failed before */
    for (int i = 0; i < HF_AHEAD_BATCHES; i++) {
        hf_ahead_batch *b = &s->ahead->batch[i];
        hf_session_drop(s, b->staging);
        if (b->pictures != b->frames)
            s->backend->ops.free(s->backend, b->pictures);
        s->backend->ops.free(s->backend, b->frames);
        s->backend->ops.free(s->backend, b->features);
        if (b->done)
            queue_of(s)->ops.mark_free(queue_of(s), &b->done);
    }
    free(s->ahead);
    s->ahead = NULL;
}

/* The backend's number where the model takes several at a time, and less where memory is short; one of another model. */
static int suggested(hf_session *s, int most)
{
    hf_device_info device;
    hf_session_memory memory;
    int n = s->model->extract_batch && s->backend->n_batch > 1 ? s->backend->n_batch : 1;

    n = n < most ? n : most;
    if (!s->backend->ops.memory)
        return n;
    hf_session_device(s, &device);
    for (; n > 1; n /= 2) {
        s->params.batch = n;
        hf_session_foretell(s, &memory, s->n_ids, s->n_keys, s->n_edits);
        /* A tenth is left to the libraries' plans, and to others. */
        if (memory.device - device.bytes_used < device.bytes_free - device.bytes_free / 10)
            break;
    }
    return n;
}

void hf_session_choose_batch(hf_session *s)
{
    hf_session_params *p = &s->params;
    if (p->match == HF_MATCH_GIVEN)
        p->batch = 0;
    if (p->batch < 0)
        p->batch = suggested(s, -p->batch);
    if (p->batch == 1 && !s->side) /* a frame at a time, and nothing beside it */
        p->batch = 0;
    if (s->model)
        hf_model_set_batch(s->model, p->batch ? p->batch : 1);
}

int hf_session_batch(hf_session *s, hf_error *err)
{
    int rc = hf_session_prepare(s, err);
    return rc < 0 ? rc : s->params.batch;
}

static int check(const hf_session *s, int n, hf_error *err)
{
    if (!s->prepared || (s->context && s->followed < 0))
        return hf_fail(err, HF_EARG, "look ahead: no key is followed");
    if (n < 1 || n > s->params.batch)
        return hf_fail(err, HF_EARG, "look ahead: %d frames at a time, want 1..%d", n, s->params.batch);
    if (s->ahead->n_waiting == HF_AHEAD_BATCHES)
        return hf_fail(err, HF_EARG, "look ahead: the frames of %d calls are waiting to be asked for", HF_AHEAD_BATCHES);
    return HF_OK;
}

static int put_frame(hf_session *s, hf_ahead_batch *b, int i, const uint8_t *rgb, hf_error *err)
{
    hf_backend *queue = s->backend->host_memory ? s->backend : queue_of(s); /* a thread may be using that one */
    hf_scaling scaling = hf_session_scaling(s);
    const uint8_t *frame = rgb;
    uint8_t *picture = b->pictures + i * picture_bytes(s);
    int rc;

    if (b->frames) {
        hf_tensor to = hf_tensor_view(b->frames + i * frame_bytes(s), HF_U8, 1, frame_bytes(s));
        uint8_t *staged = b->staging + i * frame_bytes(s);
        memcpy(staged, rgb, (size_t)frame_bytes(s));
        if ((rc = queue->ops.write(queue, &to, staged, err)) < 0)
            return rc;
        frame = to.data;
    }
    if (is_scaled(s))
        return queue->ops.context->scale(queue, picture, frame, &scaling, err);
    if (frame != picture)
        memcpy(picture, frame, (size_t)picture_bytes(s));
    return HF_OK;
}

int hf_session_ahead_extract(hf_session *s, hf_ahead_batch *b, hf_error *err)
{
    int h, w;
    hf_model_grid(s->model, s->work_width, s->work_height, &h, &w);
    hf_tensor pictures = hf_tensor_view(b->pictures, HF_U8, 4, b->n, s->work_height, s->work_width, 3);
    hf_tensor features = hf_tensor_view(b->features, HF_F32, 4, b->n, h, w, s->model->n_channels);
    int rc = hf_model_extract_batch(s->own, &features, &pictures, err);
    return rc < 0 || !b->done ? rc : queue_of(s)->ops.mark(queue_of(s), b->done, err);
}

int hf_session_look_ahead(hf_session *s, const uint8_t *const *rgb, int n, hf_error *err)
{
    int rc = check(s, n, err);
    if (rc < 0)
        return rc;
    hf_ahead *a = s->ahead;
    hf_ahead_batch *b = &a->batch[(a->first + a->n_waiting) % HF_AHEAD_BATCHES];
    if (s->device)
        s->device->has_frame = false; /* it may be one of those that are overwritten */
    omp_set_num_threads(s->backend->n_threads);
    for (int i = 0; i < n; i++) {
        b->rgb[i] = rgb[i];
        if ((rc = put_frame(s, b, i, rgb[i], err)) < 0) {
            if (b->frames) /* staging is still being read, and the next call fills it anew */
                queue_of(s)->ops.sync(queue_of(s), NULL);
            return rc;
        }
    }
    b->n = n;
    if (a->thread)
        hf_ahead_thread_give(a->thread, b);
    else if ((rc = hf_session_ahead_extract(s, b, err)) < 0)
        return rc;
    if (!a->n_waiting)
        a->next = 0;
    a->n_waiting++;
    return HF_OK;
}

int hf_session_ahead_forget(hf_session *s, hf_error *err)
{
    hf_ahead *a = s->ahead;
    if (!a || !a->n_waiting)
        return HF_OK;
    a->n_waiting = a->next = 0;
    if (a->thread)
        hf_ahead_thread_wait_idle(a->thread);
    return queue_of(s)->ops.sync(queue_of(s), err); /* staging is still being read */
}

int hf_session_ahead_take(hf_session *s, hf_seen *seen, bool *found, const uint8_t *rgb, hf_error *err)
{
    hf_ahead *a = s->ahead;
    int rc = HF_OK;

    *found = a && a->n_waiting && a->batch[a->first].rgb[a->next] == rgb;
    if (!*found)
        return hf_session_ahead_forget(s, err);
    const hf_ahead_batch *b = &a->batch[a->first];
    int64_t i = a->next++;
    if (a->thread && i == 0)
        hf_ahead_thread_wait_for(a->thread);
    if (a->thread && b->failed < 0)
        return hf_fail(err, b->failed, "%s", b->err.text);
    *seen = (hf_seen){ b->frames ? b->frames + i * frame_bytes(s) : NULL, b->pictures + i * picture_bytes(s),
                       (float *)((char *)b->features + i * feature_bytes(s)) };
    if (b->done && i == 0) /* the others have come with it */
        rc = s->backend->ops.wait(s->backend, b->done, err);
    if (a->next == b->n) {
        a->first = (a->first + 1) % HF_AHEAD_BATCHES;
        a->n_waiting--;
        a->next = 0;
    }
    return rc;
}
