#ifndef DVMS_CLIBVIRT_SHIM_H
#define DVMS_CLIBVIRT_SHIM_H

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#endif
