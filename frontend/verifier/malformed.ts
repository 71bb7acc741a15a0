/** Not the format: carries a finding code; the reader that knows the file name adds `where`. */
export class Malformed extends Error {
  readonly code: string;
  readonly where: string;

  constructor(code: string, message: string, where = "bundle") {
    super(message);
    this.code = code;
    this.where = where;
  }

  at(where: string): Malformed {
    return new Malformed(this.code, this.message, where);
  }
}
