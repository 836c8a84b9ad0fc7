"""Frames with a virtio-net header before them, as a guest hands them to its NIC (virtio 1.2, 5.1.6): made, sent, heard, and finished."""
import struct
from collections import namedtuple

from frames import VLAN, Ear
from hostile import A4, A6, B4, B6, IPV4, IPV6, ip4, ip6, tcp, udp

PACKET_VNET_HDR = 15  # linux/if_packet.h
NEEDS_CSUM, DATA_VALID = 1, 2
NO_GSO, TCP4, UDP_FRAGMENTS, TCP6, UDP_SEGMENTS, ECN = 0, 1, 3, 4, 5, 0x80
MOST_SENT = 65535  # bytes of a frame that the kernel hands on uncut: below gso_max_size (net/core/dev.c, gso_features_check)

Request = namedtuple('Request', 'flags gso_type hdr_len gso_size csum_start csum_offset', defaults=[0] * 6)
FORMAT = '<BBHHHH'


def header(request):
    return struct.pack(FORMAT, *request)


def folded(data, start=0):
    """The one's complement sum of RFC 1071, not inverted."""
    data = bytes(data) + b'\0' * (len(data) % 2)
    total = start + sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def pseudo(version, proto, length):
    addresses = A4 + B4 if version == 4 else A6 + B6
    return folded(addresses, proto + (length & 0xffff))


def finished(frame, request):
    """The frame with its checksum made, as whoever sends it on a wire has to (RFC 768: a zero goes as ones)."""
    if not request.flags & NEEDS_CSUM:
        return frame
    at = request.csum_start + request.csum_offset
    value = ~folded(frame[request.csum_start:]) & 0xffff or 0xffff
    return frame[:at] + value.to_bytes(2, 'big') + frame[at + 2:]


def large(addresses, version, payload, size, kind=6, vid=None):
    """(request, frame): a TCP or UDP packet that is to be cut into segments of size bytes; without request when it fits in one."""
    l4 = tcp(payload, checksum=pseudo(version, 6, 20 + len(payload))) if kind == 6 else \
        udp(payload, checksum=pseudo(version, 17, 8 + len(payload)))
    head = addresses + (b'' if vid is None else VLAN + vid.to_bytes(2, 'big')) + (IPV4 if version == 4 else IPV6)
    packet = ip4(l4, kind) if version == 4 else ip6(l4, kind)
    start = len(head) + (20 if version == 4 else 40)
    gso = UDP_SEGMENTS if kind == 17 else TCP4 if version == 4 else TCP6
    offset = 16 if kind == 6 else 6
    if len(payload) <= size:
        return Request(NEEDS_CSUM, NO_GSO, 0, 0, start, offset), head + packet
    return Request(NEEDS_CSUM, gso, start + (20 if kind == 6 else 8), size, start, offset), head + packet


class OffloadEar(Ear):
    """Sends and hears frames with their virtio-net headers."""

    def __init__(self, namespace, interface):
        super().__init__(namespace, interface)
        self.socket.setsockopt(263, PACKET_VNET_HDR, 1)

    def send(self, request, frame):
        """Whether the kernel took it."""
        try:
            self.socket.send(header(request) + frame)
        except OSError:
            return False
        return True

    def hear(self):
        """(request, frame), or None. A tag that the kernel took out of the frame is not put back."""
        try:
            n = self.socket.recv_into(self.room)
        except BlockingIOError:
            return None
        return Request(*struct.unpack(FORMAT, self.room[:10])), bytes(self.room[10:n])


def cut(frame, request):
    """The frames that a NIC must make of one for TCP segmentation (virtio 1.2, 5.1.6.2; the fields by RFC 9293, 791, 8200), or of UDP."""
    if request.gso_type == NO_GSO:
        return [finished(frame, request)]
    version, start, size = frame[14] >> 4, request.csum_start, request.gso_size
    payload, frames = frame[request.hdr_len:], []
    for number, first in enumerate(range(0, len(payload), size)):
        piece = payload[first:first + size]
        ip, l4 = bytearray(frame[14:start]), bytearray(frame[start:request.hdr_len])
        if version == 4:
            struct.pack_into('!H', ip, 2, len(ip) + len(l4) + len(piece))
            struct.pack_into('!H', ip, 4, struct.unpack_from('!H', ip, 4)[0] + number & 0xffff)
            struct.pack_into('!H', ip, 10, 0)
            struct.pack_into('!H', ip, 10, ~folded(ip) & 0xffff)
        else:
            struct.pack_into('!H', ip, 4, len(l4) + len(piece))
        if request.gso_type == UDP_SEGMENTS:
            struct.pack_into('!H', l4, 4, len(l4) + len(piece))
        else:
            struct.pack_into('!I', l4, 4, struct.unpack_from('!I', l4, 4)[0] + first & 0xffffffff)
            l4[13] &= 0xff - (0x09 if first + size < len(payload) else 0) - (0x80 if first else 0)  # FIN, PSH: the last; CWR: the first
        proto = 17 if request.gso_type == UDP_SEGMENTS else 6
        struct.pack_into('!H', l4, request.csum_offset, pseudo(version, proto, len(l4) + len(piece)))
        frames.append(finished(frame[:14] + bytes(ip) + bytes(l4) + piece, request))
    return frames


LIES = {'flags': (0, 1, 1, 1, 2, 3, 0xff), 'gso_type': (0, 0, 0, 1, 2, 3, 4, 5, 6, 0x81, 0x84, 0x85, 0xff),
        'hdr_len': (0, 13, 14, 54, 74, 65535), 'gso_size': (0, 1, 8, 100, 1440, 65535),
        'csum_start': (0, 1, 12, 13, 14, 34, 38, 54, 65535), 'csum_offset': (0, 1, 6, 16, 65534, 65535)}


def lie(random_, request, length):
    """request with some of its fields changed to what may not be believed."""
    changed = request._asdict()
    for name in random_.sample(list(LIES), random_.choice((0, 1, 1, 2, 3, 6))):
        near = (length - 1, length - 2, length, random_.randrange(max(length, 1)))
        changed[name] = random_.choice(LIES[name] + (near if name.startswith(('csum', 'hdr')) else ()))
    return Request(**changed)
