/* session_keys.c - drawn frames: copies, checks, and one set of labels for all of them.
 *
 * Ids are sparse (1, 5, 200) and differ between keys; inside, labels are 0 for the background and
 * 1.. for the ids of all keys in ascending order. A key without ids follows label 1 over the
 * area of its edit; where other keys have ids, its labels say nothing about objects.
 */
#include "propagate/session.h"

#include <stdlib.h>
#include <string.h>

static bool any_drawn(const uint8_t *values, int64_t n, int step)
{
    for (int64_t i = 0; i < n; i++)
        if (values[i * step])
            return true;
    return false;
}

static int check_key(const hf_session *s, const hf_key *key, hf_error *err)
{
    int64_t n = (int64_t)s->params.width * s->params.height;
    long long frame = key->frame;

    if (s->prepared)
        return hf_fail(err, HF_EARG, "key frame %lld: comes after following has begun", frame);
    if (!key->rgb)
        return hf_fail(err, HF_EARG, "key frame %lld: the frame's picture is missing", frame);
    if (!key->ids && !key->edit)
        return hf_fail(err, HF_EARG, "key frame %lld: neither mask nor edit, want one", frame);
    for (int k = 0; k < s->n_keys; k++)
        if (s->keys[k].frame == key->frame)
            return hf_fail(err, HF_EARG, "key frame %lld: was added before", frame);
    if (!(key->ids && any_drawn(key->ids, n, 1)) && !(key->edit && any_drawn(key->edit + 3, n, 4)))
        return hf_fail(err, HF_EARG, "key frame %lld: nothing is drawn: the %s", frame,
                       key->ids ? "mask has no object" : "edit is transparent everywhere");
    return HF_OK;
}

static uint8_t *copy_of(hf_session *s, const uint8_t *from, int64_t bytes)
{
    uint8_t *to = hf_session_take(s, bytes);
    if (to && from)
        memcpy(to, from, (size_t)bytes);
    return to;
}

static void labels_from_edit(uint8_t *labels, const uint8_t *edit, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        labels[i] = edit[4 * i + 3] > 0;
}

int hf_session_add_key(hf_session *s, const hf_key *key, hf_error *err)
{
    int64_t n = (int64_t)s->params.width * s->params.height;
    int rc = check_key(s, key, err);
    if (rc < 0)
        return rc;
    hf_session_key *keys = realloc(s->keys, ((size_t)s->n_keys + 1) * sizeof(*keys));
    if (!keys)
        return hf_fail(err, HF_ENOMEM, "key frame: out of memory");
    s->keys = keys;
    hf_session_key *k = &keys[s->n_keys];
    *k = (hf_session_key){ .frame = key->frame, .has_ids = key->ids != NULL };
    k->rgb = copy_of(s, key->rgb, 3 * n);
    k->labels = copy_of(s, key->ids, n);
    k->edit = key->edit ? copy_of(s, key->edit, 4 * n) : NULL;
    if (!k->rgb || !k->labels || (key->edit && !k->edit)) {
        hf_session_drop(s, k->rgb), hf_session_drop(s, k->labels), hf_session_drop(s, k->edit);
        return hf_fail(err, HF_ENOMEM, "key frame %lld: out of memory", (long long)key->frame);
    }
    s->n_keys++;
    s->n_edits += key->edit != NULL;
    if (!key->ids)
        labels_from_edit(k->labels, k->edit, n);
    return HF_OK;
}

static void find_ids(hf_session *s, bool used[HF_MAX_LABELS])
{
    int64_t n = (int64_t)s->params.width * s->params.height;
    bool any_ids = false;

    for (int k = 0; k < s->n_keys; k++)
        any_ids = any_ids || s->keys[k].has_ids;
    for (int k = 0; k < s->n_keys; k++)
        for (int64_t i = 0; (s->keys[k].has_ids || !any_ids) && i < n; i++)
            used[s->keys[k].labels[i]] = true;
}

void hf_session_make_labels(hf_session *s)
{
    int64_t n = (int64_t)s->params.width * s->params.height;
    bool used[HF_MAX_LABELS] = { false };
    uint8_t label_of[HF_MAX_LABELS] = { 0 };

    find_ids(s, used);
    s->n_labels = 1;
    for (int id = 1; id < HF_MAX_LABELS; id++) {
        if (!used[id])
            continue;
        label_of[id] = (uint8_t)s->n_labels;
        s->id_of[s->n_labels++] = (uint8_t)id;
    }
    s->n_ids = s->n_labels - 1;
    /* Masks without objects beside edits: the edit still needs a label to follow. */
    if (s->n_labels == 1)
        s->n_labels = 2;
    for (int k = 0; k < s->n_keys; k++)
        for (int64_t i = 0; s->keys[k].has_ids && i < n; i++)
            s->keys[k].labels[i] = label_of[s->keys[k].labels[i]];
}
