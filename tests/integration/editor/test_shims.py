"""The stand-ins for native modules, by Node itself."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from vibecode.editor import additions
from vibecode.editor.npm import find_tools

SHIMS = Path(additions.__file__).parent / "shims"


def _node(script: str, cwd: Path) -> str:
    result = subprocess.run([str(find_tools().node), "-e", script], cwd=cwd, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


def test_log_lines_arrive_in_order_and_files_rotate(tmp_path: Path) -> None:
    _node(
        f"""
        const spdlog = require({json.dumps(str(SHIMS / "spdlog.js"))});
        (async () => {{
            const log = await spdlog.createAsyncRotatingLogger('name', 'logs/deep/a.log', 400, 3);
            log.setPattern('%v');
            log.setLevel(2);
            log.debug('not shown');
            for (let i = 0; i < 20; i++) {{ log.info('line ' + i); log.flush(); }}
            log.error('last');
            const raw = await spdlog.createRotatingLogger('raw', 'logs/raw.log', 1000, 1);
            raw.clearFormatters();
            raw.setLevel(0);
            raw.trace('as it is');
            raw.drop();
            raw.info('after it was dropped');
        }})();
        """,
        tmp_path,
    )
    files = sorted((tmp_path / "logs/deep").iterdir())
    assert [file.name for file in files] == ["a.1.log", "a.2.log", "a.log"]
    assert all(file.stat().st_size <= 400 for file in files)
    oldest_first = [tmp_path / "logs/deep" / name for name in ("a.2.log", "a.1.log", "a.log")]
    lines = [line for file in oldest_first for line in file.read_text(encoding="utf-8").splitlines()]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \[error\] last", lines[-1])
    kept = [line.partition("] ")[2] for line in lines[:-1]]
    assert len(kept) > 10
    assert kept == [f"line {number}" for number in range(20 - len(kept), 20)]
    assert (tmp_path / "logs/raw.log").read_text(encoding="utf-8") == "as it is"


def test_a_log_that_cant_be_written_does_no_harm(tmp_path: Path) -> None:
    output = _node(
        f"""
        const fs = require('fs');
        const spdlog = require({json.dumps(str(SHIMS / "spdlog.js"))});
        (async () => {{
            const log = await spdlog.createRotatingLogger('name', 'logs/a.log', 10, 2);
            log.info('x');
            fs.rmSync('logs', {{ recursive: true }});
            fs.writeFileSync('logs', '');
            for (let i = 0; i < 5; i++) {{ log.info('more than ten bytes'); log.flush(); }}
            console.log('alive');
        }})();
        """,
        tmp_path,
    )
    assert output == "alive\n"


def test_sqlite_behaves_as_node_sqlite3(tmp_path: Path) -> None:
    output = _node(
        f"""
        const sqlite3 = require({json.dumps(str(SHIMS / "sqlite3.js"))});
        const seen = [];
        const db = new sqlite3.Database('sessions.db', (error) => seen.push(['open', error]));
        db.serialize(() => {{
            db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BLOB)');
            db.run('INSERT INTO t (name, data) VALUES (?, ?)', ['ada', Buffer.from([1, 2])], function (error) {{
                seen.push(['run', error, this.lastID, this.changes]);
            }});
            db.run('INSERT INTO t (name) VALUES ($name)', {{ $name: undefined }});
            db.run('INSERT INTO t (name) VALUES (?)', 'ada', (error) => seen.push(['twice', error.code, error.errno]));
            db.get('SELECT * FROM t WHERE name = ?', ['nobody'], (error, row) => {{
                seen.push(['get', error, row === undefined]);
            }});
            db.all('SELECT id, name, data FROM t ORDER BY id', (error, rows) => {{
                seen.push(['all', rows.map((row) => [row.id, row.name, Buffer.isBuffer(row.data)])]);
            }});
            db.get('SELECT count(*) AS n FROM missing', (error) => seen.push(['missing', error.code]));
            const insert = db.prepare('INSERT INTO t (name) VALUES (?)');
            insert.run('grace', function () {{ seen.push(['prepared', this.changes]); }});
            insert.finalize();
            db.close((error) => {{
                seen.push(['close', error]);
                console.log(JSON.stringify(seen));
            }});
        }});
        """,
        tmp_path,
    )
    assert json.loads(output) == [
        ["open", None],
        ["run", None, 1, 1],
        ["twice", "SQLITE_CONSTRAINT", 19],
        ["get", None, True],
        ["all", [[1, "ada", True], [2, None, False]]],
        ["missing", "SQLITE_ERROR"],
        ["prepared", 1],
        ["close", None],
    ]


def test_an_unusable_database_is_an_error_with_its_code(tmp_path: Path) -> None:
    output = _node(
        f"""
        const sqlite3 = require({json.dumps(str(SHIMS / "sqlite3.js"))});
        new sqlite3.Database('no/such/folder/a.db', (error) => console.log(error.code));
        """,
        tmp_path,
    )
    assert output == "SQLITE_CANTOPEN\n"
