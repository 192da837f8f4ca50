/* session_memory.c - how much memory a session takes, before it takes it. */
#include "propagate/session.h"

#include "propagate/fine.h"

static int64_t key_bytes(const hf_session *s, bool has_edit)
{
    int64_t n = (int64_t)s->params.width * s->params.height;
    return (int64_t)sizeof(hf_session_key) + n * (has_edit ? 8 : 4);
}

/* Cells as a caller gets them. */
static int64_t cell_bytes(const hf_session *s)
{
    int h, w;
    hf_model_grid(s->model, s->work_width, s->work_height, &h, &w);
    return (int64_t)h * w * HF_FINE_RATIO * HF_FINE_RATIO * (s->n_labels + 3) * 4;
}

/* Edges, in the modes first and given. */
static int64_t bend_bytes(const hf_session *s)
{
    return s->params.refine > 0 ? hf_session_first_ops(s)->bend_bytes(s->backend, s->params.width, s->params.height) : 0;
}

/* What prepare opens on the host whatever the backend is. */
static int64_t host_bytes(const hf_session *s)
{
    int64_t staging = s->backend->host_memory ? 0
                    : (int64_t)3 * s->params.width * s->params.height * HF_AHEAD_BATCHES * s->params.batch;
    return staging + (s->params.match == HF_MATCH_CONTEXT ? cell_bytes(s) : 0);
}

/* What it opens in the backend's memory. */
static int64_t part_bytes(const hf_session *s)
{
    if (s->params.match == HF_MATCH_GIVEN) {
        hf_outside_params p = hf_session_outside_params(s);
        return hf_session_device_bytes(s) + hf_outside_bytes(&p) + bend_bytes(s);
    }
    int64_t model = s->model->bytes ? s->model->bytes(s->model, s->work_width, s->work_height) : 0;
    int64_t shared = model + hf_session_ahead_bytes(s);
    if (s->params.match == HF_MATCH_FIRST) {
        hf_first_params p = hf_session_first_params(s);
        return shared + hf_session_device_bytes(s) + hf_first_bytes(s->model, &p) + bend_bytes(s);
    }
    hf_context_params c = hf_session_context_params(s);
    int h, w;
    hf_model_grid(s->model, s->work_width, s->work_height, &h, &w);
    return shared + hf_session_device_bytes(s) +
           hf_context_bytes(s->model, s->work_width, s->work_height, &c, s->n_labels) +
           s->backend->ops.context->refine_bytes(s->backend, s->params.width, s->params.height, h * w);
}

void hf_session_foretell(const hf_session *s, hf_session_memory *memory, int n_ids, int n_keys, int has_edit)
{
    hf_session count = *s;
    count.n_ids = n_ids, count.n_labels = n_ids + 1;
    count.n_keys = n_keys, count.n_edits = has_edit ? n_keys : 0;
    count.counting = true;
    count.bytes = 0;
    if (!s->prepared)
        hf_session_choose_batch(&count);
    hf_session_take_all(&count);
    int64_t host = count.bytes + (int64_t)sizeof(*s) + n_keys * key_bytes(s, has_edit) + host_bytes(&count);
    int64_t parts = part_bytes(&count);
    if (s->post)
        host += (int64_t)hf_post_bytes(s->params.width, s->params.height);
    *memory = (hf_session_memory){ .host = host };
    *(s->backend->host_memory ? &memory->host : &memory->device) += parts;
}

int64_t hf_session_bytes(const hf_session_params *params, int n_ids, int n_keys, int has_edit)
{
    hf_session_memory memory;
    hf_session *s;
    if (hf_session_open(&s, params, NULL) < 0)
        return 0;
    hf_session_foretell(s, &memory, n_ids, n_keys, has_edit);
    hf_session_close(&s);
    return memory.host + memory.device;
}

static void add_memory(hf_device_info *info, hf_backend *be)
{
    hf_device_memory memory = { 0 };
    if (!be || !be->ops.memory)
        return;
    be->ops.memory(be, &memory, NULL);
    info->bytes_used += memory.used;
    info->bytes_peak += memory.peak;
    info->bytes_free = memory.free, info->bytes_total = memory.total;
}

void hf_session_device(const hf_session *s, hf_device_info *info)
{
    *info = (hf_device_info){ .name = s->backend->name, .about = s->backend->about, .note = s->backend->note };
    add_memory(info, s->backend);
    add_memory(info, s->side);
}
