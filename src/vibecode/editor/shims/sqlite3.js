// Stands in for the native module @vscode/sqlite3, which would need a C++ compiler, on Node's own SQLite. VS Code's
// agent host keeps the sessions of Chat's agents through it. The calls that VS Code makes are here, with the arguments,
// errors and order of callbacks of node-sqlite3.
'use strict';

const { EventEmitter } = require('events');

// Node warns that its SQLite is new; the warning would be in every workspace's log.
const emitWarning = process.emitWarning;
process.emitWarning = () => { };
const { DatabaseSync } = require('node:sqlite');
process.emitWarning = emitWarning;

// https://www.sqlite.org/rescode.html
const CODES = {
	1: 'ERROR', 5: 'BUSY', 6: 'LOCKED', 8: 'READONLY', 10: 'IOERR', 11: 'CORRUPT', 13: 'FULL', 14: 'CANTOPEN',
	19: 'CONSTRAINT', 20: 'MISMATCH', 21: 'MISUSE', 25: 'RANGE', 26: 'NOTADB',
};

function translated(error) {
	if (error && error.errcode !== undefined) {
		const code = `SQLITE_${CODES[error.errcode & 0xff] ?? 'ERROR'}`;
		return Object.assign(new Error(`${code}: ${error.message}`), { code, errno: error.errcode & 0xff });
	}
	return Object.assign(error, { code: 'SQLITE_MISUSE', errno: 21 });
}

function bindable(value) {
	if (value === undefined) { return null; }
	if (typeof value === 'boolean') { return value ? 1 : 0; }
	return value instanceof Date ? value.getTime() : value;
}

function bound(params) {
	const first = params[0];
	if (params.length === 1 && Array.isArray(first)) {
		return first.map(bindable);
	}
	if (params.length === 1 && first !== null && typeof first === 'object' && !ArrayBuffer.isView(first) && !(first instanceof Date)) {
		return [Object.fromEntries(Object.entries(first).map(([name, value]) => [name, bindable(value)]))];
	}
	return params.map(bindable);
}

function plain(row) {
	if (row === undefined) { return undefined; }
	return Object.fromEntries(Object.entries(row).map(([name, value]) =>
		[name, value instanceof Uint8Array ? Buffer.from(value) : value]));
}

function split(args) {
	const callback = typeof args.at(-1) === 'function' ? args.at(-1) : undefined;
	return [callback ? args.slice(0, -1) : args, callback];
}

class Database extends EventEmitter {
	constructor(file, ...args) {
		super();
		const [[mode], callback] = split(args);
		this.filename = file;
		this.open = false;
		this._do(() => {
			this._db = new DatabaseSync(file, {
				readOnly: mode === exports.OPEN_READONLY,
				enableForeignKeyConstraints: false,
				enableDoubleQuotedStringLiterals: true,
				timeout: 1000,
			});
			this.open = true;
			return [];
		}, callback);
	}

	run(sql, ...args) {
		const [params, callback] = split(args);
		return this._do((self) => {
			const result = this._db.prepare(sql).run(...bound(params));
			self.lastID = Number(result.lastInsertRowid);
			self.changes = Number(result.changes);
			return [];
		}, callback);
	}

	get(sql, ...args) {
		const [params, callback] = split(args);
		return this._do(() => [plain(this._db.prepare(sql).get(...bound(params)))], callback);
	}

	all(sql, ...args) {
		const [params, callback] = split(args);
		return this._do(() => [this._db.prepare(sql).all(...bound(params)).map(plain)], callback);
	}

	exec(sql, callback) {
		return this._do(() => { this._db.exec(sql); return []; }, callback);
	}

	prepare(sql, ...args) {
		const [params, callback] = split(args);
		const statement = new Statement(this, sql, params);
		this._do(() => { this._db.prepare(sql); return []; }, callback);
		return statement;
	}

	close(callback) {
		return this._do(() => { this._db.close(); this.open = false; return []; }, callback);
	}

	configure(option, value) {
		if (option === 'busyTimeout') {
			this._db.exec(`PRAGMA busy_timeout = ${Number(value)}`);
		}
		return this;
	}

	// Calls are carried out one after the other here in any case.
	serialize(callback) { callback?.(); return this; }
	parallelize(callback) { callback?.(); return this; }

	_do(work, callback) {
		const self = {};
		let answer;
		let failure = null;
		try {
			answer = work(self);
		} catch (error) {
			failure = translated(error);
		}
		setImmediate(() => {
			if (callback) {
				callback.call(self, failure, ...(answer ?? []));
			} else if (failure) {
				this.emit('error', failure);
			}
		});
		return this;
	}
}

class Statement {
	constructor(database, sql, params) {
		this.database = database;
		this.sql = sql;
		this.params = params;
	}

	run(...args) { this._with('run', args); return this; }
	get(...args) { this._with('get', args); return this; }
	all(...args) { this._with('all', args); return this; }
	reset(callback) { callback?.(null); return this; }
	finalize(callback) { setImmediate(() => callback?.(null)); return this.database; }

	_with(method, args) {
		const [params, callback] = split(args);
		const used = params.length > 0 ? params : this.params;
		this.database[method](this.sql, ...used, ...(callback ? [callback] : []));
	}
}

exports.OPEN_READONLY = 1;
exports.OPEN_READWRITE = 2;
exports.OPEN_CREATE = 4;
exports.Database = Database;
exports.Statement = Statement;
exports.verbose = () => exports;
