/* sidecar.c - see sidecar.h. */
#include "src/cli/sidecar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JSON_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(6))

struct hf_sidecar {
    char *path, *part;
    FILE *file;
    int   n_frames;
};

/* The members of an object without its braces. */
static void write_members(FILE *file, const json_t *object)
{
    char *text = json_dumps(object, JSON_REAL_PRECISION(6) | JSON_INDENT(1));
    if (!text)
        return;
    size_t length = strlen(text);
    /* "{\n ...\n}" */
    if (length > 4)
        fwrite(text + 2, 1, length - 4, file);
    free(text);
}

static void write_frame_line(hf_sidecar *sidecar, const char *text, size_t length)
{
    if (sidecar->n_frames++)
        fputs(",\n", sidecar->file);
    fwrite(text, 1, length, sidecar->file);
}

/* Frames of the interrupted run, by their lines in the file that is there. */
static void copy_frames(hf_sidecar *sidecar, int64_t before)
{
    static const char start[] = "{\"frame\":";
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    FILE *old = fopen(sidecar->path, "r");
    if (!old)
        return;
    while ((length = getline(&line, &size, old)) > 0) {
        if (strncmp(line, start, sizeof(start) - 1) != 0 || atoll(line + sizeof(start) - 1) >= before)
            continue;
        while (length > 0 && line[length - 1] != '}')
            length--;
        write_frame_line(sidecar, line, (size_t)length);
    }
    free(line);
    fclose(old);
}

int hf_sidecar_open(hf_sidecar **out, const char *path, const json_t *head, int64_t keep_before, hf_error *err)
{
    hf_sidecar *sidecar = calloc(1, sizeof(*sidecar));
    int rc = HF_OK;

    *out = NULL;
    if (!sidecar || !(sidecar->path = strdup(path)) || asprintf(&sidecar->part, "%s.part", path) < 0) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    if (!(sidecar->file = fopen(sidecar->part, "w"))) {
        rc = hf_fail(err, HF_EIO, "%s: cannot write: %s", sidecar->part, strerror(errno));
        goto end;
    }
    fputs("{\n", sidecar->file);
    write_members(sidecar->file, head);
    fputs(",\n\"frames\": [\n", sidecar->file);
    if (keep_before > 0)
        copy_frames(sidecar, keep_before);
    *out = sidecar;
    sidecar = NULL;
end:
    hf_sidecar_close(&sidecar);
    return rc;
}

void hf_sidecar_add_frame(hf_sidecar *sidecar, json_t *frame)
{
    char *text = frame ? json_dumps(frame, JSON_FLAGS) : NULL;
    if (text)
        write_frame_line(sidecar, text, strlen(text));
    free(text);
    json_decref(frame);
}

int hf_sidecar_finish(hf_sidecar *sidecar, const json_t *tail, hf_error *err)
{
    fputs("\n],\n", sidecar->file);
    write_members(sidecar->file, tail);
    fputs("\n}\n", sidecar->file);
    int failed = ferror(sidecar->file);
    if (fclose(sidecar->file) != 0 || failed) {
        sidecar->file = NULL;
        int code = errno;
        unlink(sidecar->part);
        return hf_fail(err, HF_EIO, "%s: cannot write: %s", sidecar->part, strerror(code ? code : ENOSPC));
    }
    sidecar->file = NULL;
    if (rename(sidecar->part, sidecar->path) < 0)
        return hf_fail(err, HF_EIO, "%s: cannot rename: %s", sidecar->part, strerror(errno));
    return HF_OK;
}

void hf_sidecar_close(hf_sidecar **sidecar)
{
    if (!*sidecar)
        return;
    if ((*sidecar)->file) {
        fclose((*sidecar)->file);
        unlink((*sidecar)->part);
    }
    free((*sidecar)->path);
    free((*sidecar)->part);
    free(*sidecar);
    *sidecar = NULL;
}
