/* image_out.c - see image_out.h. */
#include "io/image_out.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/sink.h"

struct hf_image_out {
    char *folder;
    char  last_name[256];
    int   number;
};

/* The folder that `path` lies in; "." if it has none. Slashes at its end do not count. */
static void parent_of(char parent[PATH_MAX], const char *path)
{
    size_t n = strlen(path);

    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n > 0 && path[n - 1] != '/')
        n--;
    n = n < PATH_MAX ? n : PATH_MAX - 1;
    memcpy(parent, path, n);
    parent[n] = 0;
    if (!n)
        strcpy(parent, ".");
}

static int same_file(const char *a, const char *b)
{
    struct stat s, t;
    return !stat(a, &s) && !stat(b, &t) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}

int hf_image_out_check(const char *folder, hf_error *err)
{
    char parent[PATH_MAX];
    struct stat st;

    if (!*folder || strlen(folder) + 270 > PATH_MAX)
        return hf_fail(err, HF_EARG, "output folder: a path of %zu bytes, want 1..%d", strlen(folder), PATH_MAX - 270);
    parent_of(parent, folder);
    if (!stat(folder, &st) && !S_ISDIR(st.st_mode))
        return hf_fail(err, HF_EIO, "%s: is a file, want a folder for images", folder);
    const char *place = !stat(folder, &st) ? folder : parent;
    if (access(place, W_OK | X_OK) < 0)
        return hf_fail(err, HF_EIO, "%s: cannot write into the folder %s: %s", folder, place, strerror(errno));
    return HF_OK;
}

int hf_image_out_open(hf_image_out **out, const char *folder, const hf_video_source *source, int start_number,
                      hf_error *err)
{
    hf_image_out *o = NULL;
    char from[PATH_MAX];
    int rc;

    *out = NULL;
    if ((rc = hf_image_out_check(folder, err)) < 0)
        return rc;
    if (source->images) {
        parent_of(from, source->images->paths[0]);
        if (same_file(from, folder))
            return hf_fail(err, HF_EARG, "%s: is the folder of the input images, want another one", folder);
    }
    if (mkdir(folder, 0777) < 0 && errno != EEXIST)
        return hf_fail(err, HF_EIO, "%s: %s", folder, strerror(errno));
    if (!(o = calloc(1, sizeof(*o))) || !(o->folder = strdup(folder))) {
        hf_image_out_close(&o);
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", folder);
    }
    o->number = start_number;
    *out = o;
    return HF_OK;
}

void hf_image_out_close(hf_image_out **out)
{
    if (!*out)
        return;
    free((*out)->folder);
    free(*out);
    *out = NULL;
}

int hf_image_out_write(hf_image_out *o, const char *name, const AVPacket *packet, hf_error *err)
{
    char path[PATH_MAX + 300];
    const char *slash = o->folder[strlen(o->folder) - 1] == '/' ? "" : "/";
    hf_sink *sink = NULL;
    int rc;

    if (*name && !strcmp(name, o->last_name))
        return hf_fail(err, HF_EARG, "%s: two input images are named %s, their outputs would be one file", o->folder,
                       name);
    snprintf(o->last_name, sizeof(o->last_name), "%s", name);
    if (*name)
        snprintf(path, sizeof(path), "%s%s%s.png", o->folder, slash, name);
    else
        snprintf(path, sizeof(path), "%s%s%05d.png", o->folder, slash, o->number);
    o->number++;
    if ((rc = hf_sink_open(&sink, path, err)) < 0)
        return rc;
    avio_write(hf_sink_get_io(sink), packet->data, packet->size);
    rc = hf_sink_commit(sink, HF_SINK_NO_SYNC, err);
    hf_sink_close(&sink);
    return rc;
}
