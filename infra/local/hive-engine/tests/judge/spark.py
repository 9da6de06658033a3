"""Answers for Spark with Hive support, and for pyarrow. Started by `pipeline compare-engines`; one JSON document per line:

{"start": FOLDER}        an empty warehouse in FOLDER      -> {}, the same folder each time
{"run": SQL}             one statement                     -> {"columns": [names], "rows": [[text]]} or {"error": text}
{"skip": FILE}           an ORC file, read by Spark with and without the row index -> {"rows": [[difference]]} or {"error": text}
{"read": FILE}           an ORC or Parquet file, by pyarrow -> {"columns": [names], "rows": [[text]]} or {"error": text}

Spark is set up as EMR's Hive is: no ANSI errors, Hive's own serdes for ORC and Parquet, dynamic partitions allowed.
Cells are texts as Hive prints them.
"""
import datetime
import decimal
import json
import os
import shutil
import struct
import sys

# Spark's own words must not get between the answers.
answers = os.fdopen(os.dup(1), "w", encoding="utf8")
os.dup2(2, 1)


def session(folder):
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": f"file:{folder}/s3/b/warehouse",
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:judge;create=true",
        "spark.hadoop.hive.exec.scratchdir": f"{folder}/scratch",
        "spark.hadoop.hive.exec.dynamic.partition.mode": "nonstrict",
        "spark.hadoop.hive.exec.dynamic.partition": "true",
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={folder}/derby -Duser.timezone=UTC",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "false",
        "spark.sql.storeAssignmentPolicy": "LEGACY",
        "spark.sql.hive.convertMetastoreOrc": "false",
        "spark.sql.hive.convertMetastoreParquet": "false",
        "spark.sql.hive.convertMetastoreCtas": "false",
        "spark.sql.hive.convertMetastoreInsertDir": "false",
        "spark.sql.hive.manageFilesourcePartitions": "true",
        "spark.sql.legacy.createHiveTableByDefault": "true",
        "spark.sql.legacy.timeParserPolicy": "LEGACY",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.default.parallelism": "1",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.log.level": "OFF",
    }
    builder = SparkSession.builder.master("local[2]").appName("judge")
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.enableHiveSupport().getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return spark


class Judge:
    def __init__(self):
        self.folder = None
        self.spark = None

    def start(self, folder):
        os.makedirs(folder, exist_ok=True)
        if self.spark is None:
            self.folder = folder
            self.spark = session(folder)
        for (name,) in self.spark.sql("show databases").collect():
            if name != "default":
                self.spark.sql(f"drop database `{name}` cascade")
        self.spark.sql("use default")
        for row in self.spark.sql("show tables").collect():
            kind = "view" if self.is_view(row.tableName) else "table"
            self.spark.sql(f"drop {kind} `{row.tableName}`")
        shutil.rmtree(f"{self.folder}/s3", ignore_errors=True)
        os.makedirs(f"{self.folder}/s3/b/warehouse")
        self.reset()
        return {}

    def is_view(self, name):
        rows = self.spark.sql(f"describe extended `{name}`").collect()
        return any(row[0] == "Type" and row[1] == "VIEW" for row in rows)

    def reset(self):
        self.spark.sql("reset")
        self.spark.sql("set bucket=b")

    def run(self, sql):
        if sql.strip().lower() == "reset":
            self.reset()
            return {"columns": [], "rows": []}
        frame = with_times_as_texts(self.spark.sql(sql))
        plan = frame._jdf.queryExecution().executedPlan()
        jvm = self.spark.sparkContext._jvm
        lines = jvm.org.apache.spark.sql.execution.HiveResult.hiveResultString(plan)
        text = [lines.apply(at) for at in range(lines.length())]
        # Hive pads what DESCRIBE prints; nobody else's rows may be trimmed.
        describes = sql.strip().lower().startswith("desc")
        cells = [line.split("\t") for line in text]
        if describes:
            cells = [[cell.strip() for cell in row] for row in cells]
        return {"columns": frame.columns, "rows": cells}

    def skip(self, path):
        """What Spark's own ORC reader answers by the row index and without it, where the two differ."""
        from pyspark.sql import functions

        frame = self.spark.read.orc(f"file:{path}")
        plain = [field.name for field in frame.schema.fields if not hasattr(field.dataType, "names")
                 and field.dataType.typeName() not in ("array", "map", "struct", "binary")]
        some = frame.selectExpr(*(f"`{name}`" for name in plain)).collect()
        wanted = [some[len(some) // 3], some[-1]]
        conditions = []
        for name in plain:
            for value in {row[name] for row in wanted}:
                holds = frame[name].isNull() if value is None else frame[name] == value
                conditions.append((f"{name} = {value!r}", holds))
        row = functions.hash(functions.to_json(functions.struct("*")))
        # Without a filter nothing is skipped: one pass answers all conditions.
        sums = [functions.sum(functions.when(holds, part)) for _, holds in conditions for part in (functions.lit(1), row)]
        whole = frame.select(*sums).first()
        differences = []
        for at, (shown, holds) in enumerate(conditions):
            found = tuple(frame.where(holds).select(functions.sum(functions.lit(1)), functions.sum(row)).first())
            if found != tuple(whole[2 * at:2 * at + 2]):
                differences.append([f"{shown}: {found} by the index, {tuple(whole[2 * at:2 * at + 2])} without"])
        return {"columns": ["difference"], "rows": differences}

    def read(self, path):
        with open(path, "rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        if is_parquet:
            import pyarrow.parquet

            # In nanoseconds, 96 bits would end in 2262.
            table = pyarrow.parquet.ParquetFile(path, coerce_int96_timestamp_unit="us").read()
        else:
            import pyarrow.orc

            table = pyarrow.orc.ORCFile(path).read()
        columns = [texts(column) for column in table.columns]
        return {"columns": table.column_names, "rows": [list(row) for row in zip(*columns)]}


def with_times_as_texts(frame):
    """Dates and times inside of lists, maps and structs as texts: Hive prints them in quotes, Spark does not."""
    from pyspark.sql import types as t

    def printed(kind, nested):
        if isinstance(kind, (t.DateType, t.TimestampType)) and nested:
            return t.StringType()
        if isinstance(kind, t.ArrayType):
            return t.ArrayType(printed(kind.elementType, True), kind.containsNull)
        if isinstance(kind, t.MapType):
            return t.MapType(printed(kind.keyType, True), printed(kind.valueType, True), kind.valueContainsNull)
        if isinstance(kind, t.StructType):
            return t.StructType([t.StructField(f.name, printed(f.dataType, True), f.nullable) for f in kind.fields])
        return kind

    wanted = [printed(field.dataType, False) for field in frame.schema.fields]
    if wanted == [field.dataType for field in frame.schema.fields]:
        return frame
    # Names may repeat: the columns are numbered on the way.
    numbered = frame.toDF(*(str(at) for at in range(len(wanted))))
    cast = [numbered[str(at)].cast(kind) for at, kind in enumerate(wanted)]
    return numbered.select(*cast).toDF(*frame.columns)


def texts(column):
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind):
        return [timestamp(value) for value in column]
    return [text(value, kind) for value in column.to_pylist()]


def timestamp(scalar):
    if not scalar.is_valid:
        return "NULL"
    unit = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[scalar.type.unit]
    seconds, fraction = divmod(scalar.value, unit)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    digits = f"{fraction * (10**9 // unit):09d}".rstrip("0")
    return f"{moment:%Y-%m-%d %H:%M:%S}".rjust(19, "0") + (f".{digits}" if digits else "")


def text(value, kind, nested=False):
    import pyarrow as pa

    if value is None:
        return "null" if nested else "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return real(value, pa.types.is_float32(kind))
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return value.decode("utf8", "replace")
    if isinstance(value, datetime.datetime):
        printed = value.isoformat(" ").rstrip("0").rstrip(".") if value.microsecond else value.isoformat(" ")
        return json.dumps(printed) if nested else printed
    if isinstance(value, datetime.date):
        return json.dumps(value.isoformat()) if nested else value.isoformat()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if nested else value
    if pa.types.is_list(kind):
        return "[" + ",".join(text(item, kind.value_type, True) for item in value) + "]"
    if pa.types.is_map(kind):
        pairs = (f"{text(key, kind.key_type, True)}:{text(item, kind.item_type, True)}" for key, item in value)
        return "{" + ",".join(pairs) + "}"
    if pa.types.is_struct(kind):
        pairs = (f'"{name}":{text(item, kind.field(name).type, True)}' for name, item in value.items())
        return "{" + ",".join(pairs) + "}"
    return str(value)


def real(value, single):
    """As Java prints it."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    sign, digits, exponent = decimal.Decimal(shortest(value, single)).as_tuple()
    digits = "".join(map(str, digits)).rstrip("0") or "0"
    exponent = decimal.Decimal(shortest(value, single)).adjusted()
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        plain = f"{decimal.Decimal(shortest(value, single)):f}"
        return plain if "." in plain else plain + ".0"
    return f"{'-' if sign else ''}{digits[0]}.{digits[1:] or '0'}E{exponent}"


def shortest(value, single):
    """The fewest digits that read back as the same number."""
    if not single:
        return repr(value)
    for precision in range(1, 10):
        candidate = f"{value:.{precision}g}"
        if struct.unpack("f", struct.pack("f", float(candidate)))[0] == value:
            return candidate
    return repr(value)


def main():
    judge = Judge()
    for line in sys.stdin:
        ((verb, argument),) = json.loads(line).items()
        try:
            answer = getattr(judge, verb)(argument)
        except Exception as error:  # whatever Spark says is an answer
            answer = {"error": (str(error) or repr(error)).split("JVM stacktrace")[0].strip()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


main()
