/* driver.c - a libcuda.so.1 in which every call succeeds and does nothing.
 *
 * cuDNN offers engines that are compiled for a graph only where it finds the driver's library, even for a GPU that is only
 * described. It compiles without it, and nothing is run: so that its plans can be looked at on a machine without a GPU.
 */
#define NOTHING(name) int name(void);  int name(void) { return 0; }

/* What cuDNN 9 looks for. */
NOTHING(cuCtxGetCurrent) NOTHING(cuCtxGetDevice) NOTHING(cuCtxGetLimit) NOTHING(cuCtxPopCurrent) NOTHING(cuCtxPushCurrent)
NOTHING(cuDeviceGet) NOTHING(cuDeviceGetAttribute) NOTHING(cuDevicePrimaryCtxRelease) NOTHING(cuDevicePrimaryCtxReset)
NOTHING(cuDevicePrimaryCtxRetain) NOTHING(cuFuncGetAttribute) NOTHING(cuFuncSetAttribute) NOTHING(cuGetErrorName)
NOTHING(cuGetErrorString) NOTHING(cuInit) NOTHING(cuKernelGetAttribute) NOTHING(cuKernelSetAttribute)
NOTHING(cuLaunchCooperativeKernel) NOTHING(cuLaunchKernel) NOTHING(cuLaunchKernelEx) NOTHING(cuLibraryGetKernel)
NOTHING(cuLibraryLoadData) NOTHING(cuLibraryLoadFromFile) NOTHING(cuLibraryUnload) NOTHING(cuLinkAddData)
NOTHING(cuLinkAddData_v2) NOTHING(cuLinkAddFile_v2) NOTHING(cuLinkComplete) NOTHING(cuLinkCreate) NOTHING(cuLinkCreate_v2)
NOTHING(cuLinkDestroy) NOTHING(cuMemcpyDtoH_v2) NOTHING(cuModuleGetFunction) NOTHING(cuModuleGetGlobal_v2)
NOTHING(cuModuleLoadData) NOTHING(cuModuleLoadDataEx) NOTHING(cuModuleLoadFatBinary) NOTHING(cuModuleUnload)
NOTHING(cuOccupancyMaxActiveBlocksPerMultiprocessor) NOTHING(cuOccupancyMaxPotentialClusterSize) NOTHING(cuStreamGetCtx)
NOTHING(cuStreamSynchronize) NOTHING(cuTensorMapEncodeTiled)

int cuDriverGetVersion(int *version);
int cuDriverGetVersion(int *version)
{
    *version = 13000;
    return 0;
}

int cuDeviceGetCount(int *count);
int cuDeviceGetCount(int *count)
{
    *count = 0;
    return 0;
}

/* The runtime asks for tables that are in no document: CUDA_ERROR_NOT_FOUND. */
int cuGetExportTable(const void **table, const void *id);
int cuGetExportTable(const void **table, const void *id)
{
    (void)id;
    *table = 0;
    return 500;
}
