"""Frames that no kernel would send: a table of malformed headers by name, and seeded mutations of it.

Each is what follows the two addresses, from the EtherType (or the first tag) on. What the headers say, and how they lie about it, is
from RFC 791, 768, 9293, 8200, 826 and IEEE 802.1Q; the payload of those that a switch only passes on comes from scapy.
"""
import logging
import random
import struct

logging.getLogger('scapy').setLevel(logging.ERROR)
from scapy.all import ESP, GRE, ICMP, IP, LLC, SCTP, SNAP, STP, UDP, VXLAN, Ether, ICMPv6EchoRequest, IPv6, raw  # noqa: E402
from scapy.contrib.igmp import IGMP  # noqa: E402
from scapy.contrib.mpls import MPLS  # noqa: E402

IPV4, IPV6, ARP, VLAN, SVLAN = b'\x08\x00', b'\x86\xdd', b'\x08\x06', b'\x81\x00', b'\x88\xa8'
TCP, UDP_, ICMP_ = 6, 17, 1
FILL = bytes(range(64))
LONGEST = 1514
A4, B4 = b'\xc0\x00\x02\x01', b'\xc0\x00\x02\x02'  # RFC 5737: addresses for documentation
A6, B6 = bytes.fromhex('20010db8' + '00' * 11 + '01'), bytes.fromhex('20010db8' + '00' * 11 + '02')  # RFC 3849


def ip4(payload=b'', proto=UDP_, version=4, ihl=None, total=None, fragment=0, options=b'', ident=1, checksum=0, source=A4, target=B4):
    """An IPv4 packet whose header says what it is told to."""
    header = 20 + len(options)
    total = header + len(payload) if total is None else total
    return struct.pack('!BBHHHBBH4s4s', version << 4 | (header // 4 if ihl is None else ihl), 0, total & 0xffff, ident, fragment, 64,
                       proto, checksum, source, target) + options + payload


def ip6(payload=b'', following=UDP_, version=6, length=None, source=A6, target=B6):
    return struct.pack('!IHBB16s16s', version << 28, len(payload) if length is None else length, following, 64, source, target) + payload


def udp(payload=FILL, length=None, checksum=0, ports=(1024, 1025)):
    return struct.pack('!HHHH', *ports, 8 + len(payload) if length is None else length, checksum) + payload


def tcp(payload=FILL, offset=5, flags=0x10, options=b'', checksum=0, sequence=1):
    return struct.pack('!HHIIBBHHH', 1024, 1025, sequence, 1, offset << 4, flags, 512, checksum, 0) + options + payload


def extension(following, length=0, body=None):
    """An IPv6 extension header of 8 + 8 * length bytes, whatever its type."""
    return bytes([following, length]) + (bytes(6 + 8 * length) if body is None else body)


def tag(vid, kind=VLAN):
    return kind + vid.to_bytes(2, 'big')


# ---- IPv4 ----

def ip4_cases():
    for ihl in range(16):
        yield f'ihl {ihl}', ip4(udp(), ihl=ihl)
    for total in (0, 1, 19, 20, 21, 27, 28, 29, 91, 93, 1500, 9000, 65535):
        yield f'total length {total}', ip4(udp(), total=total)
    for version in (0, 3, 5, 6, 7, 15):
        yield f'version {version}', ip4(udp(), version=version)
    for cut in (0, 1, 2, 4, 9, 10, 12, 19, 20, 21, 27, 28):
        yield f'cut behind {cut} bytes', ip4(udp())[:cut]
    for name, fragment in (('first', 0x2000), ('middle', 0x2001), ('last', 0x0005), ('far', 0x1fff), ('reserved bit', 0x8000),
                           ("don't", 0x4000), ('all', 0xffff)):
        yield f'fragment {name}', ip4(udp(), fragment=fragment)
        yield f'fragment {name} of TCP', ip4(tcp(), TCP, fragment=fragment)
    for name, options in (('end', b'\0' * 40), ('no-ops', b'\x01' * 40), ('length 0', b'\x07\x00\x04\x00'),
                          ('too long', b'\x07\xff\x04\x00'),
                          ('record route', b'\x07\x27\x04' + b'\0' * 37), ('source route', b'\x83\x07\x04\xc0\0\x02\x09\x01'),
                          ('router alert', b'\x94\x04\0\0'), ('random', bytes(range(200, 240)))):
        yield f'option {name}', ip4(udp(), options=options)
        yield f'option {name} before TCP', ip4(tcp(), TCP, options=options)
    for proto in (0, 2, 4, 41, 47, 50, 51, 58, 89, 103, 112, 132, 136, 253, 255):
        yield f'protocol {proto}', ip4(FILL, proto)
    yield 'from and to one address', ip4(udp(), source=B4)
    yield 'from everybody', ip4(udp(), source=b'\xff' * 4)
    yield 'to nobody', ip4(udp(), target=bytes(4))


# ---- IPv6 ----

def chain(kinds, last=UDP_):
    """Extension headers one behind the other, and UDP at the end. Returns (first next-header value, bytes)."""
    data, following = udp(), last
    for kind in reversed(kinds):
        data, following = extension(following) + data, kind
    return following, data


def ip6_cases():
    for version in (0, 4, 5, 7, 15):
        yield f'version {version}', ip6(udp(), version=version)
    for length in (0, 1, 7, 8, 9, 71, 73, 1500, 65535):
        yield f'payload length {length}', ip6(udp(), length=length)
    for cut in (0, 1, 4, 6, 7, 8, 24, 39, 40, 41, 47, 48):
        yield f'cut behind {cut} bytes', ip6(udp())[:cut]
    for kind in (0, 43, 44, 50, 51, 58, 59, 60, 135, 139, 140, 253, 255):
        following, data = chain([kind])
        yield f'extension {kind}', ip6(data, following)
        yield f'extension {kind} alone', ip6(extension(59), kind)
        yield f'extension {kind} cut', ip6(extension(UDP_)[:5], kind)
        yield f'extension {kind} longer than the packet', ip6(extension(UDP_, 255, bytes(6)), kind)
    for count in (2, 5, 9, 10, 11, 50, 150):
        for kind in (0, 43, 60):
            following, data = chain([kind] * count)
            yield f'{count} extensions {kind}', ip6(data, following)
    yield 'every extension', ip6(*reversed(chain([0, 60, 43, 44, 60])))
    yield 'extension that names itself', ip6(extension(60) * 4, 60)
    yield 'header in the extension behind the copy', ip6(extension(TCP, 9) + tcp(), 60)
    yield 'TCP across the end of the copy', ip6(extension(TCP, 7) + tcp(), 60)
    yield 'fragment first', ip6(extension(UDP_, 0, b'\0\x01\0\0\0\1') + udp(), 44)
    yield 'fragment middle', ip6(extension(UDP_, 0, b'\x05\x01\0\0\0\1') + udp(), 44)
    yield 'fragment of a fragment', ip6(extension(44) + extension(UDP_) + udp(), 44)
    yield 'jumbogram', ip6(extension(UDP_, 0, b'\xc2\x04\x00\x01\x00\x00') + udp(), 0, length=0)
    yield 'jumbogram with a length', ip6(extension(UDP_, 0, b'\xc2\x04\x00\x00\x00\x08') + udp(), 0)
    yield 'routing header 0', ip6(extension(UDP_, 4, b'\0\x02' + bytes(4) + A6 + B6) + udp(), 43)


# ---- TCP, UDP ----

def l4_cases():
    for packet, kind, name in ((ip4, IPV4, 'IPv4'), (ip6, IPV6, 'IPv6')):
        for offset in range(16):
            yield f'{name} TCP offset {offset}', kind + packet(tcp(offset=offset), TCP)
        yield f'{name} TCP offset beyond the packet', kind + packet(tcp(b'', offset=15), TCP)
        for flags in (0, 0x03, 0x29, 0x3f, 0xff):
            yield f'{name} TCP flags {flags:#x}', kind + packet(tcp(flags=flags), TCP)
        for cut in (0, 1, 12, 13, 19):
            yield f'{name} TCP cut behind {cut} bytes', kind + packet(tcp(b'')[:cut], TCP)
        for options in (b'\x02\x00\x05\xb4', b'\x02\xff\x05\xb4', b'\x05\x0a' + b'\xff' * 38, b'\xfd\x00\x00\x00'):
            yield f'{name} TCP option {options[:2].hex()}', kind + packet(tcp(offset=5 + len(options) // 4, options=options), TCP)
        for length in (0, 1, 7, 8, 9, 71, 73, 65535):
            yield f'{name} UDP length {length}', kind + packet(udp(length=length))
        for checksum in (0, 1, 0xffff):
            yield f'{name} UDP checksum {checksum:#x}', kind + packet(udp(checksum=checksum))
        for cut in (0, 1, 4, 7):
            yield f'{name} UDP cut behind {cut} bytes', kind + packet(udp(b'')[:cut])
        yield f'{name} UDP port 0', kind + packet(udp(ports=(0, 0)))


# ---- other L3, tags, and what a switch only passes on ----

def arp_cases():
    good = struct.pack('!HHBBH6s4s6s4s', 1, 0x0800, 6, 4, 1, bytes(6), A4, bytes(6), B4)
    yield 'good', good
    for cut in (0, 1, 7, 8, 14, 27):
        yield f'cut behind {cut} bytes', good[:cut]
    for at, value in ((4, 0), (4, 255), (5, 0), (5, 255), (7, 0), (7, 9)):
        yield f'byte {at} is {value}', good[:at] + bytes([value]) + good[at + 1:]


def tag_cases():
    inner = IPV4 + ip4(udp())
    for cut in range(2, 5):
        yield f'C-tag cut behind {cut} bytes', tag(10)[:cut]
        yield f'S-tag cut behind {cut} bytes', tag(10, SVLAN)[:cut]
    for vid in (0, 1, 10, 20, 4094, 4095):
        yield f'VID {vid}', tag(vid) + inner
        yield f'VID {vid} with priority 7 and DEI', tag(0xf000 | vid) + inner
        yield f'S-tag {vid}', tag(vid, SVLAN) + inner
        for second in (0, 10, 20, 4095):
            yield f'tags {vid}, {second}', tag(vid) + tag(second) + inner
            yield f'S-tag {vid}, tag {second}', tag(vid, SVLAN) + tag(second) + inner
    yield 'ten tags', b''.join(tag(vid) for vid in range(10, 20)) + inner
    yield 'forty tags of VID 0', tag(0) * 40 + inner
    yield 'tag and nothing', tag(10) + b'\x88\xb5'
    yield 'second tag cut', tag(10) + VLAN
    yield 'Q-in-Q by 0x9100', tag(10, b'\x91\x00') + inner


def passed_on():
    inside = raw(Ether(src='02:00:00:00:00:01', dst='02:00:00:00:00:02') / IP(dst='192.0.2.2') / UDP() / FILL)
    layers = {
        'ESP': IP() / ESP(spi=1, seq=1) / FILL, 'SCTP': IP() / SCTP() / FILL, 'GRE': IP() / GRE(proto=0x6558) / inside,
        'VXLAN': IP() / UDP(dport=4789) / VXLAN(vni=7) / inside, 'IP in IP': IP() / IP() / UDP() / FILL, 'ICMP': IP() / ICMP() / FILL,
        'IGMP': IP(dst='224.0.0.22') / IGMP(), 'IPsec in UDP': IP() / UDP(dport=4500) / ESP(spi=2, seq=1) / FILL,
        'RoCE': IP() / UDP(dport=4791) / FILL}
    for name, packet in layers.items():
        yield name, IPV4 + raw(packet)
    yield 'ICMPv6', IPV6 + raw(IPv6(dst='2001:db8::2') / ICMPv6EchoRequest())
    yield '6in4', IPV4 + raw(IP() / IPv6() / UDP() / FILL)
    yield '4in6', IPV6 + raw(IPv6() / IP() / UDP() / FILL)
    yield 'ESP in IPv6', IPV6 + raw(IPv6() / ESP(spi=1, seq=1) / FILL)
    yield 'MPLS', b'\x88\x47' + raw(MPLS(label=16, s=1, ttl=64) / IP() / UDP() / FILL)
    yield 'MPLS without an end', b'\x88\x47' + bytes(64)
    yield 'PTP', b'\x88\xf7' + bytes(44)
    yield 'spanning tree', b'\x00\x26' + raw(LLC() / STP())
    yield 'SNAP', b'\x00\x48' + raw(LLC(dsap=0xaa, ssap=0xaa, ctrl=3) / SNAP(code=0x0800) / ip4(udp()))
    yield 'LLC of IPX', b'\x00\x40\xff\xff' + bytes(62)
    for length in (0, 1, 45, 46, 1500, 1501, 1535, 1536):
        yield f'802.3 length {length}', length.to_bytes(2, 'big') + FILL
    for kind in (0x0842, 0x22f3, 0x8035, 0x8137, 0x86dc, 0x8808, 0x8809, 0x8863, 0x8864, 0x887b, 0x888e, 0x88cc, 0x88e5, 0x8902, 0x8906,
                 0x8915, 0x893a, 0x9000, 0xffff):
        yield f'type {kind:#06x}', kind.to_bytes(2, 'big') + FILL


def table():
    """{name: bytes behind the addresses}"""
    found = {}
    for prefix, cases in (('IPv4', ((n, IPV4 + b) for n, b in ip4_cases())), ('IPv6', ((n, IPV6 + b) for n, b in ip6_cases())),
                          ('L4', l4_cases()), ('ARP', ((n, ARP + b) for n, b in arp_cases())), ('tag', tag_cases()),
                          ('other', passed_on())):
        for name, data in cases:
            assert f'{prefix}: {name}' not in found, name
            found[f'{prefix}: {name}'] = data
    return found


# ---- mutations ----

def mutate(random_, data, others):
    """data with one to six changes that a fuzzer would make: bits, bytes, lengths, pieces gone, doubled or another's."""
    data = bytearray(data)
    for _ in range(random_.randint(1, 6)):
        at = random_.randrange(len(data)) if data else 0
        what = random_.randrange(8)
        if what == 0 and data:
            data[at] ^= 1 << random_.randrange(8)
        elif what == 1 and data:
            data[at] = random_.choice((0, 1, 0x7f, 0x80, 0xff, random_.randrange(256)))
        elif what == 2 and len(data) > 2:
            at = random_.randrange(0, len(data) - 1)
            data[at:at + 2] = random_.choice((0, 1, 0xffff, 0x8100, 0x0800, 0x86dd, len(data), random_.randrange(65536))).to_bytes(2, 'big')
        elif what == 3:
            del data[at:at + random_.choice((1, 2, 4, 8, 20))]
        elif what == 4:
            data[at:at] = data[at:at + random_.choice((1, 4, 8, 40))]
        elif what == 5:
            del data[at:]
        elif what == 6:
            data += random_.randbytes(random_.choice((1, 3, 18, 200, 600)))
        else:
            other = others[random_.randrange(len(others))]
            data[at:] = other[min(at, len(other)):]
    return bytes(data)


def mutations(count, seed, addresses):
    """count frames, the same for the same seed; in each second one the addresses may be mutated, too."""
    random_ = random.Random(seed)
    others = list(table().values())
    frames = []
    for number in range(count):
        data = random_.choice(others)
        frames.append(addresses + mutate(random_, data, others) if number % 2 else mutate(random_, addresses + data, others))
    return [frame[:LONGEST] for frame in frames]
