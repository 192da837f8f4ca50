/* checkpoint.c - see checkpoint.h. */
#include "src/cli/checkpoint.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/cli/settings.h"

static int make_name(char **out, const char *base, const char *ending, hf_error *err)
{
    if (asprintf(out, "%s%s", base, ending) >= 0)
        return HF_OK;
    *out = NULL;
    return hf_fail(err, HF_ENOMEM, "%s: out of memory", base);
}

/* Whole or not at all: a run that is killed here must not leave half a checkpoint. */
static int write_json(const char *path, const json_t *object, hf_error *err)
{
    char *part;
    int rc = make_name(&part, path, ".part", err);
    if (rc < 0)
        return rc;
    if (json_dump_file(object, part, JSON_INDENT(1)) < 0 || rename(part, path) < 0) {
        rc = hf_fail(err, HF_EIO, "%s: cannot write: %s", part, strerror(errno));
        unlink(part);
    }
    free(part);
    return rc;
}

int hf_checkpoint_save(const char *base, const hf_checkpoint *checkpoint, const hf_options *options,
                       const hf_session *session, hf_error *err)
{
    char *path = NULL, *state = NULL;
    json_t *object = NULL;
    int rc;

    if ((rc = make_name(&path, base, ".resume", err)) < 0 || (rc = make_name(&state, base, ".state", err)) < 0)
        goto end;
    if (checkpoint->has_state && (rc = hf_session_save(session, state, err)) < 0)
        goto end;
    object = json_pack("{s:s, s:I, s:b, s:o, s:o}", "hfprop", hf_version(), "next_frame",
                       (json_int_t)checkpoint->next_frame, "has_state", checkpoint->has_state, "settings",
                       hf_settings_json(options), "files", hf_settings_files_json(options));
    rc = object ? write_json(path, object, err) : hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
end:
    json_decref(object);
    free(path);
    free(state);
    return rc;
}

static int compare(const json_t *object, const char *member, json_t *now, const char *path, hf_error *err)
{
    const char *name = hf_settings_difference(json_object_get(object, member), now);
    int rc = HF_OK;
    if (name && strcmp(member, "settings") == 0)
        rc = hf_fail(err, HF_EARG, "%s: --%s is not what it was; repeat the old command, or start over without --resume",
                     path, name);
    else if (name)
        rc = hf_fail(err, HF_EARG, "%s: %s has changed; start over without --resume", path, name);
    json_decref(now);
    return rc;
}

int hf_checkpoint_load(hf_checkpoint *checkpoint, const char *base, const hf_options *options, hf_error *err)
{
    char *path = NULL;
    const char *version;
    json_error_t where;
    json_int_t next;
    json_t *object = NULL;
    int rc;

    if ((rc = make_name(&path, base, ".resume", err)) < 0)
        return rc;
    if (access(path, F_OK) < 0) {
        rc = hf_fail(err, HF_EARG, "--resume: nothing to resume, there is no %s; run without --resume", path);
        goto end;
    }
    if (!(object = json_load_file(path, 0, &where)) ||
        json_unpack(object, "{s:s, s:I, s:b, s:{}, s:{}}", "hfprop", &version, "next_frame", &next, "has_state",
                    &checkpoint->has_state, "settings", "files") < 0 ||
        next < 0) {
        rc = hf_fail(err, HF_EFORMAT, "%s: not a checkpoint of hfprop; start over without --resume", path);
        goto end;
    }
    checkpoint->next_frame = next;
    if (strcmp(version, hf_version()) != 0) {
        rc = hf_fail(err, HF_EARG, "%s: made by version %s, this is %s; start over without --resume", path, version,
                     hf_version());
        goto end;
    }
    if ((rc = compare(object, "settings", hf_settings_json(options), path, err)) >= 0)
        rc = compare(object, "files", hf_settings_files_json(options), path, err);
end:
    json_decref(object);
    free(path);
    return rc;
}

int hf_checkpoint_load_state(const char *base, hf_session *session, hf_error *err)
{
    char *state;
    int rc = make_name(&state, base, ".state", err);
    if (rc < 0)
        return rc;
    rc = hf_session_load(session, state, err);
    free(state);
    return rc;
}

void hf_checkpoint_remove(const char *base)
{
    static const char *const endings[] = { ".resume", ".state" };
    for (int i = 0; i < 2; i++) {
        char *path;
        if (make_name(&path, base, endings[i], NULL) < 0)
            continue;
        unlink(path);
        free(path);
    }
}
