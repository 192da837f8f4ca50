/* outputs_plan.c - what goes where, decided and checked before any work; see outputs.h. */
#include "src/cli/outputs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *hf_render_name(hf_render render)
{
    static const char *const names[] = { "auto",   "overlay", "mask",         "matte",
                                         "cutout", "edit",    "side-by-side", "colormap" };
    return names[render];
}

static int fits(int n, size_t size, const char *name, hf_error *err)
{
    return n >= 0 && (size_t)n < size ? HF_OK : hf_fail(err, HF_EARG, "%.200s...: the name is too long", name);
}

static int is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int hf_is_same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    if (strcmp(a, b) == 0)
        return 1;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/* video.mp4 -> video.hfprop.mp4; frames/ -> frames.hfprop.mp4; dir/%05d.jpg -> dir.hfprop.mp4. */
static int default_path(char *path, size_t size, const char *input, hf_error *err)
{
    int length = (int)strlen(input);
    const char *slash = strrchr(input, '/');

    if (strstr(input, "://") && slash) /* an address: here, not there */
        input = slash + 1, length = (int)strlen(input), slash = NULL;
    if (!is_folder(input) && slash && strpbrk(slash, "%*?["))
        length = (int)(slash - input);
    while (length > 1 && input[length - 1] == '/')
        length--;
    if (!is_folder(input)) {
        const char *name = slash ? slash + 1 : input, *dot = strrchr(name, '.');
        if (dot && dot != name && dot - input < length)
            length = (int)(dot - input);
    }
    return fits(snprintf(path, size, "%.*s.hfprop.mp4", length, input), size, input, err);
}

static int plan_path(hf_outputs_plan *plan, const hf_options *options, hf_error *err)
{
    const char *out = options->out;
    int rc;

    if (out && strcmp(out, "none") == 0) {
        if (!plan->masks_dir && !plan->mattes_dir)
            return hf_fail(err, HF_EARG, "-o none: nothing would be written, want --masks DIR or --mattes DIR too");
        return HF_OK;
    }
    if (!out && strcmp(options->input, "-") == 0) {
        if (plan->masks_dir || plan->mattes_dir)
            return HF_OK;
        return hf_fail(err, HF_EARG, "input from a pipe has no name to make the output's from, want -o OUT");
    }
    rc = out ? fits(snprintf(plan->path, sizeof(plan->path), "%s", out), sizeof(plan->path), out, err)
             : default_path(plan->path, sizeof(plan->path), options->input, err);
    if (rc < 0)
        return rc;
    plan->is_pipe = strcmp(plan->path, "-") == 0;
    plan->is_folder = !plan->is_pipe && hf_video_out_is_folder(plan->path);
    if (plan->is_pipe && isatty(STDOUT_FILENO))
        return hf_fail(err, HF_EARG, "-o -: the standard output is a terminal, want a pipe or a file");
    return HF_OK;
}

static hf_render choose_render(const hf_outputs_plan *plan, const hf_options *options)
{
    static const char *const with_alpha[] = { ".mov", ".webm", ".mkv" };
    const char *dot = strrchr(plan->path, '.');
    if (options->render != HF_RENDER_AUTO)
        return (hf_render)options->render;
    if (options->edit.n)
        return HF_RENDER_EDIT;
    for (int i = 0; i < 3 && dot && !plan->is_folder; i++)
        if (strcasecmp(dot, with_alpha[i]) == 0)
            return HF_RENDER_CUTOUT;
    return HF_RENDER_OVERLAY;
}

static int plan_video(hf_outputs_plan *plan, const hf_options *options, const hf_video_info *info, int64_t from,
                      hf_error *err)
{
    plan->render = choose_render(plan, options);
    if (plan->render == HF_RENDER_EDIT && !options->edit.n)
        return hf_fail(err, HF_EARG, "--render edit: there is no edit, want --edit FILE");
    plan->video = (hf_video_out_params)HF_VIDEO_OUT_DEFAULTS;
    switch (plan->render) {
    case HF_RENDER_AUTO:
    case HF_RENDER_OVERLAY:
    case HF_RENDER_EDIT:
        plan->video.kind = HF_VIDEO_BLEND;
        break;
    case HF_RENDER_CUTOUT:
        plan->video.kind = HF_VIDEO_CUTOUT;
        break;
    case HF_RENDER_SIDE_BY_SIDE:
        plan->video.kind = HF_VIDEO_PICTURE;
        plan->video.width = 2 * info->width;
        plan->video.height = info->height;
        break;
    case HF_RENDER_MASK:
    case HF_RENDER_MATTE:
    case HF_RENDER_COLORMAP:
        plan->video.kind = HF_VIDEO_PICTURE;
        break;
    }
    plan->video.codec = options->codec;
    plan->video.preset = options->preset;
    plan->video.crf = options->crf;
    plan->video.trim = from > 0;
    plan->video.start_number = (int)plan->first_number;
    return hf_video_out_check(plan->path, &plan->video, err);
}

/* The folder that `path` lies in, or will lie in, can be written. */
static int check_parent(const char *path, hf_error *err)
{
    char parent[PATH_MAX];
    snprintf(parent, sizeof(parent), "%s", path);
    for (;;) {
        size_t length = strlen(parent);
        while (length > 1 && parent[length - 1] == '/')
            parent[--length] = 0;
        if (access(parent, F_OK) == 0)
            break;
        char *slash = strrchr(parent, '/');
        if (slash == parent)
            slash[1] = 0;
        else if (slash)
            *slash = 0;
        else
            strcpy(parent, ".");
        if (errno != ENOENT && errno != ENOTDIR)
            return hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    }
    if (!is_folder(parent))
        return hf_fail(err, HF_EIO, "%s: cannot be made, %s is not a folder", path, parent);
    if (access(parent, W_OK) != 0)
        return hf_fail(err, HF_EIO, "%s: cannot be written, %s: %s", path, parent, strerror(errno));
    return HF_OK;
}

/* Two kinds of PNG of the same names, or PNGs over the input's, would destroy each other. */
static int check_folders(const hf_outputs_plan *plan, const hf_options *options, const hf_video_info *info,
                         hf_error *err)
{
    const struct {
        const char *option, *path;
    } folders[] = {
        { "-o", plan->is_folder ? plan->path : NULL },
        { "--masks", plan->masks_dir },
        { "--mattes", plan->mattes_dir },
    };
    for (int i = 0; i < 3; i++) {
        const char *path = folders[i].path;
        int rc;
        if (!path)
            continue;
        if (strlen(path) > PATH_MAX - 300)
            return hf_fail(err, HF_EARG, "%s: the name is too long", folders[i].option);
        if ((rc = check_parent(path, err)) < 0)
            return rc;
        if (info->is_images && hf_is_same_file(path, options->input))
            return hf_fail(err, HF_EARG, "%s %s: is the input itself, want another folder", folders[i].option, path);
        for (int j = 0; j < i; j++)
            if (folders[j].path && hf_is_same_file(path, folders[j].path))
                return hf_fail(err, HF_EARG, "%s %s: is the folder of %s too, want another one", folders[i].option,
                               path, folders[j].option);
    }
    return HF_OK;
}

/* --sidecar FILE.json: the checkpoint stands beside it. */
static int plan_sidecar(hf_outputs_plan *plan, const char *file, hf_error *err)
{
    size_t length = strlen(file), ending = strlen(".json");
    int rc;

    if (length > ending && strcmp(file + length - ending, ".json") == 0)
        length -= ending;
    if ((rc = fits(snprintf(plan->base, sizeof(plan->base), "%.*s", (int)length, file), sizeof(plan->base) - 16, file,
                   err)) < 0 ||
        (rc = fits(snprintf(plan->sidecar, sizeof(plan->sidecar), "%s", file), sizeof(plan->sidecar) - 16, file,
                   err)) < 0)
        return rc;
    const char *slash = strrchr(file, '/');
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - file) + 1 : 1, slash ? file : ".");
    return is_folder(folder) ? check_parent(folder, err)
                             : hf_fail(err, HF_EIO, "--sidecar %s: there is no such folder", file);
}

/* The checkpoint and the sidecar stand beside a video and inside a folder. */
static int plan_base(hf_outputs_plan *plan, hf_error *err)
{
    struct stat st;
    const char *folder = plan->is_folder ? plan->path : !plan->path[0] ? plan->masks_dir ? plan->masks_dir
                                                                                          : plan->mattes_dir
                                                                       : NULL;
    int rc;

    if (plan->is_pipe || (!folder && stat(plan->path, &st) == 0 && !S_ISREG(st.st_mode)))
        return HF_OK; /* a pipe or a device: nothing can stand beside it */
    rc = folder ? fits(snprintf(plan->base, sizeof(plan->base), "%s/hfprop", folder), sizeof(plan->base) - 16, folder, err)
                : fits(snprintf(plan->base, sizeof(plan->base), "%s.hfprop", plan->path), sizeof(plan->base) - 16,
                       plan->path, err);
    if (rc < 0)
        return rc;
    return fits(snprintf(plan->sidecar, sizeof(plan->sidecar), "%s.json", plan->base), sizeof(plan->sidecar),
                plan->base, err);
}

int hf_outputs_plan_make(hf_outputs_plan *plan, const hf_options *options, const hf_video_info *info,
                         int64_t from, hf_error *err)
{
    int rc;

    memset(plan, 0, sizeof(*plan));
    plan->masks_dir = options->masks_dir;
    plan->mattes_dir = options->mattes_dir;
    plan->matte_bits = options->matte_16 ? 16 : 8;
    plan->has_names = info->is_images && options->start_number < 0;
    plan->first_number = options->start_number >= 0 ? options->start_number : from;
    if ((rc = plan_path(plan, options, err)) < 0)
        return rc;
    if (plan->path[0] && (rc = plan_video(plan, options, info, from, err)) < 0)
        return rc;
    if (plan->path[0] && !plan->is_pipe && hf_is_same_file(plan->path, options->input))
        return hf_fail(err, HF_EARG, "%s: is the input itself, want another output", plan->path);
    for (int i = 0; i < options->mask.n + options->edit.n; i++) {
        const char *drawing = i < options->mask.n ? options->mask.item[i].path
                                                  : options->edit.item[i - options->mask.n].path;
        if (plan->path[0] && !plan->is_pipe && hf_is_same_file(plan->path, drawing))
            return hf_fail(err, HF_EARG, "%s: is a drawing of this run, want another output", plan->path);
    }
    if ((rc = check_folders(plan, options, info, err)) < 0)
        return rc;
    return options->sidecar ? plan_sidecar(plan, options->sidecar, err) : plan_base(plan, err);
}

static int has_png(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int found = 0;
    if (!dir)
        return 0;
    while (!found && (entry = readdir(dir))) {
        const char *dot = strrchr(entry->d_name, '.');
        found = dot && strcasecmp(dot, ".png") == 0;
    }
    closedir(dir);
    return found;
}

static int may_overwrite(const char *path, const char *what, const hf_options *options, hf_report *report,
                         hf_error *err)
{
    if (options->overwrite == HF_OVERWRITE_YES)
        return HF_OK;
    if (options->overwrite == HF_OVERWRITE_ASK && hf_report_can_ask()) {
        if (hf_report_ask(report, "%s: %s, overwrite?", path, what))
            return HF_OK;
        return hf_fail(err, HF_EARG, "%s: %s, kept", path, what);
    }
    return hf_fail(err, HF_EARG, "%s: %s; -y overwrites, -o chooses another name", path, what);
}

int hf_outputs_check_overwrite(const hf_outputs_plan *plan, const hf_options *options, hf_report *report,
                               hf_error *err)
{
    const char *folders[] = { plan->is_folder ? plan->path : NULL, plan->masks_dir, plan->mattes_dir };
    struct stat st;
    int rc;

    if (plan->path[0] && !plan->is_pipe && !plan->is_folder && stat(plan->path, &st) == 0 && S_ISREG(st.st_mode) &&
        (rc = may_overwrite(plan->path, "exists already", options, report, err)) < 0)
        return rc;
    for (int i = 0; i < 3; i++)
        if (folders[i] && has_png(folders[i]) &&
            (rc = may_overwrite(folders[i], "holds PNG files already", options, report, err)) < 0)
            return rc;
    return HF_OK;
}
