"""The proxy hands on what it is given, and breaks connections in each of its ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from norda_local.chaos.proxy import Proxy
from support.installation import free_port


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """A proxy before a server that says back what it hears."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    made = Proxy("echo", port=free_port(), target=server.sockets[0].getsockname()[1])
    await made.open()
    yield made
    await made.close()
    server.close()


async def said_back(proxy: Proxy, text: bytes, *, within: float = 5.0) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        writer.write(text)
        return await asyncio.wait_for(reader.readexactly(len(text)), within)
    finally:
        writer.close()


async def test_bytes_go_through_in_both_directions(proxy: Proxy) -> None:
    text = bytes(range(256)) * 4_000
    assert await said_back(proxy, text) == text


async def test_a_cut_resets_what_is_open_and_takes_new_connections(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"x")
    await reader.readexactly(1)
    assert proxy.cut() == 1
    with pytest.raises(OSError, match="reset"):
        await asyncio.wait_for(reader.readexactly(1), 5)
    assert await said_back(proxy, b"again") == b"again"
    writer.close()


async def test_a_refusing_proxy_takes_nobody_until_it_is_opened(proxy: Proxy) -> None:
    await proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.port)
    await proxy.open()
    assert await said_back(proxy, b"again") == b"again"


async def test_what_is_swallowed_never_arrives_and_a_delay_is_kept(proxy: Proxy) -> None:
    proxy.swallowing = True
    with pytest.raises(TimeoutError):
        await said_back(proxy, b"lost", within=0.3)
    proxy.swallowing, proxy.delay_seconds = False, 0.2
    began = asyncio.get_running_loop().time()
    assert await said_back(proxy, b"late") == b"late"
    assert asyncio.get_running_loop().time() - began >= 0.4
