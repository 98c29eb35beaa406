// SPDX-License-Identifier: Apache-2.0
//
// Runs inside the nested machine before the command: creates a VM and keeps it for as long as the
// machine lives. KVM switches the processor's virtualisation on when the first VM is created and off
// when the last one is gone; and the emulator translates all of that code when it first runs. The two
// cost the first VM 50 to 90 ms, which would be mistaken for the command's own.

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
    int kvm = open("/dev/kvm", O_RDWR);
    if (kvm < 0 || ioctl(kvm, KVM_CREATE_VM, 0) < 0) {
        perror("hold: /dev/kvm");
        return 1;
    }
    // The child inherits the VM's descriptor; the parent's exit says that the VM is there.
    switch (fork()) {
    case -1:
        perror("hold: fork");
        return 1;
    case 0:
        for (;;)
            pause();
    default:
        return 0;
    }
}
