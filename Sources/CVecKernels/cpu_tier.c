#include "CVecKernels.h"
int vk_placeholder(void) { return 0; }
