/* session_file.c - the state of the followed key in a file, for going on later.
 *
 *     "hfprop session 1\n"  fingerprint (u64)  followed key (i32)  then hf_context_save's bytes
 *
 * All in host order: a checkpoint goes on on the machine that wrote it. The fingerprint
 * covers the settings and all that was drawn, so that a checkpoint never goes on with
 * something else. The file is written beside its name first and then renamed.
 */
#include "propagate/session.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char magic[] = "hfprop session 1\n";

typedef struct header {
    char     magic[sizeof(magic) - 1];
    uint64_t fingerprint;
    int32_t  followed;
} __attribute__((packed)) header;

/* FNV-1a, eight bytes at a time. */
static uint64_t hash(uint64_t h, const void *data, size_t bytes)
{
    const uint8_t *p = data;
    for (; bytes >= 8; p += 8, bytes -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        h = (h ^ word) * 0x100000001b3u;
    }
    for (; bytes; p++, bytes--)
        h = (h ^ *p) * 0x100000001b3u;
    return h;
}

/* Post-processing and threads may change between runs; what is tracked may not. */
static uint64_t hash_settings(const hf_session *s)
{
    const hf_session_params *p = &s->params;
    const int numbers[] = { p->width, p->height, s->factor, s->enlarge, p->match, p->n_recent, p->k,
                            p->radius_cells, s->n_keys, s->n_labels, p->flow_way };
    uint64_t h = hash(0xcbf29ce484222325u, numbers, sizeof(numbers));
    h = hash(h, &p->temperature, sizeof(p->temperature));
    uint64_t model = hf_model_params_hash(&p->model);
    return hash(h, &model, sizeof(model));
}

static uint64_t fingerprint(const hf_session *s)
{
    size_t n = (size_t)s->params.width * s->params.height;
    uint64_t h = hash_settings(s);
    for (int k = 0; k < s->n_keys; k++) {
        const hf_session_key *key = &s->keys[k];
        h = hash(h, &key->frame, sizeof(key->frame));
        h = hash(h, key->rgb, 3 * n);
        h = hash(h, key->labels, n);
        if (key->edit)
            h = hash(h, key->edit, 4 * n);
    }
    return h;
}

static int write_all(const hf_session *s, FILE *file, const char *path, hf_error *err)
{
    header head = { .fingerprint = fingerprint(s), .followed = s->followed };
    memcpy(head.magic, magic, sizeof(head.magic));
    if (fwrite(&head, sizeof(head), 1, file) != 1)
        return hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    return s->context ? hf_context_save(s->context, file, path, err) : HF_OK;
}

int hf_session_save(const hf_session *session, const char *path, hf_error *err)
{
    char part[PATH_MAX];
    FILE *file = NULL;
    int rc;

    if (session->followed < 0)
        return hf_fail(err, HF_EARG, "%s: nothing to save, no key is followed", path);
    if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
        return hf_fail(err, HF_EARG, "%s: the name is too long", path);
    if (!(file = fopen(part, "wb")))
        return hf_fail(err, HF_EIO, "%s: %s", part, strerror(errno));
    rc = write_all(session, file, part, err);
    /* Only what has reached the disk may take the place of an older checkpoint. */
    if (rc >= 0 && (fflush(file) != 0 || fsync(fileno(file)) != 0))
        rc = hf_fail(err, HF_EIO, "%s: %s", part, strerror(errno));
    if (fclose(file) != 0 && rc >= 0)
        rc = hf_fail(err, HF_EIO, "%s: %s", part, strerror(errno));
    if (rc >= 0 && rename(part, path) != 0)
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    if (rc < 0)
        unlink(part);
    return rc;
}

static int check_header(const hf_session *s, const header *head, const char *path, hf_error *err)
{
    if (memcmp(head->magic, magic, sizeof(head->magic)) != 0)
        return hf_fail(err, HF_EFORMAT, "%s: not a checkpoint of this version of hfprop", path);
    if (head->fingerprint != fingerprint(s))
        return hf_fail(err, HF_EFORMAT,
                       "%s: belongs to other settings, another mask or another key frame", path);
    if (head->followed != s->followed)
        return hf_fail(err, HF_EFORMAT, "%s: follows key %d, want key %d", path,
                       (int)head->followed, s->followed);
    return HF_OK;
}

int hf_session_load(hf_session *session, const char *path, hf_error *err)
{
    hf_session *s = session;
    FILE *file = NULL;
    header head;
    int rc;

    if (s->followed < 0)
        return hf_fail(err, HF_EARG, "%s: follow a key before loading", path);
    if (!(file = fopen(path, "rb")))
        return hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    if (fread(&head, sizeof(head), 1, file) != 1)
        rc = hf_fail(err, HF_EFORMAT, "%s: too short for a checkpoint", path);
    else
        rc = check_header(s, &head, path, err);
    s->has_cells = false;
    if (rc >= 0 && s->context)
        rc = hf_context_load(s->context, file, path, err);
    if (rc >= 0 && fgetc(file) != EOF)
        rc = hf_fail(err, HF_EFORMAT, "%s: goes on after its end", path);
    fclose(file);
    return rc;
}
