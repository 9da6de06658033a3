"""DuckDB's and Spark's side of the benchmark: one case per process. Prints one line of JSON, as measure.rs reads it."""

import argparse
import json
import os
import resource
import shutil
import time

BORN = time.time()
COLUMNS = {"id": "BIGINT", "customer_id": "INTEGER", "amount": "DOUBLE", "product_id": "INTEGER", "date_id": "INTEGER"}
CUSTOMER = {"customer_id": "INTEGER", "customer_key": "BIGINT", "region": "VARCHAR"}
PRODUCT = {"product_id": "INTEGER", "product_key": "INTEGER", "category": "VARCHAR"}
JOINED = (
    "SELECT s.id, c.customer_key, c.region, s.product_id, p.product_key, p.category, s.amount, s.date_id "
    "FROM sales s JOIN customer c ON s.customer_id = c.customer_id JOIN product p ON s.product_id = p.product_id"
)
CAST = (
    "SELECT CAST(id AS bigint) AS id, CAST(customer_id AS int) AS customer_id, CAST(amount AS double) AS amount, "
    "CAST(product_id AS int) AS product_id, CAST(date_id AS int) AS date_id FROM quoted"
)
TARGETS = {"csv": "sales", "quoted": "sales", "joins": "joined", "small-files": "gathered"}


def peak_of(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))


def cpu_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        ticks = stat.read().rsplit(")", 1)[1].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def duckdb_case(case, prepare, directory, threads, born):
    import duckdb

    landing, out = f"{directory}/s3/b/landing", f"{directory}/duckdb"
    connection = duckdb.connect(config={"threads": threads})
    connection.execute("SET preserve_insertion_order = false")

    def csv(path, columns, options=""):
        return f"read_csv('{landing}/{path}', header = false, delim = ',', columns = {columns!r}{options})"

    work = "thousand" if prepare else case
    name = TARGETS.get(work, "history")
    target = f"{out}/{name}"
    if work in TARGETS or work == "thousand":
        shutil.rmtree(target, ignore_errors=True)
    os.makedirs(out, exist_ok=True)
    partitioned = f"TO '{target}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (date_id))"
    started = time.perf_counter()
    answer = None
    if work == "csv":
        connection.execute(f"COPY (SELECT * FROM {csv('sales/*.csv', COLUMNS)}) {partitioned}")
    elif work == "quoted":
        texts = {column: "VARCHAR" for column in COLUMNS}
        options = ", quote = '\"'"
        query = CAST.replace("FROM quoted", "FROM " + csv("quoted/*.csv", texts, options))
        connection.execute(f"COPY ({query}) {partitioned}")
    elif work == "joins":
        for table, columns in (("sales", COLUMNS), ("customer", CUSTOMER), ("product", PRODUCT)):
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {csv(table + '/*.csv', columns)}")
        connection.execute(f"COPY ({JOINED}) {partitioned}")
    elif work == "small-files":
        os.makedirs(target)
        connection.execute(f"COPY (SELECT * FROM {csv('small/*.csv', COLUMNS)}) TO '{target}/0.parquet' (FORMAT parquet, COMPRESSION zstd)")
    elif work == "thousand":
        connection.execute(f"COPY (SELECT * FROM {csv('history/*.csv', COLUMNS)}) {partitioned}")
    elif work == "overwrite-one":
        folder = f"{target}/date_id=20260500"
        shutil.rmtree(folder)
        os.makedirs(folder)
        columns = "id, customer_id, amount, product_id"
        connection.execute(f"COPY (SELECT {columns} FROM {csv('day/*.csv', COLUMNS)}) TO '{folder}/0.parquet' (FORMAT parquet, COMPRESSION zstd)")
    else:
        query = f"SELECT count(*), sum(product_id) FROM read_parquet('{target}/*/*.parquet', hive_partitioning = true) WHERE date_id = 20260600"
        answer = connection.execute(query).fetchone()
    seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "seconds": seconds,
        "process_seconds": time.time() - born,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mebibytes": peak_of("self"),
    }
    if answer is None:
        glob = f"{target}/*.parquet" if work == "small-files" else f"{target}/*/*.parquet"
        answer = connection.execute(f"SELECT count(*), sum(product_id) FROM read_parquet('{glob}')").fetchone()
    return {**figures, "answer": [int(value or 0) for value in answer]}


def spark_case(case, prepare, directory, threads, born):
    from pyspark.sql import SparkSession

    landing, out = f"{directory}/s3/b/landing", f"{directory}/spark"
    spark = (
        SparkSession.builder.master(f"local[{threads}]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.shuffle.partitions", threads)
        .config("spark.sql.orc.compression.codec", "zstd")
        .config("spark.sql.sources.partitionOverwriteMode", "dynamic")
        .config("spark.local.dir", f"{directory}/spark-local")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")

    def csv(path, columns):
        schema = ", ".join(f"{name} {kind.replace('VARCHAR', 'STRING')}" for name, kind in columns.items())
        return spark.read.schema(schema).csv(f"{landing}/{path}")

    work = "thousand" if prepare else case
    name = TARGETS.get(work, "history")
    target = f"{out}/{name}"
    if work in TARGETS or work == "thousand":
        shutil.rmtree(target, ignore_errors=True)
    answer = None
    started = time.perf_counter()
    if work == "csv":
        csv("sales", COLUMNS).write.mode("overwrite").partitionBy("date_id").orc(target)
    elif work == "quoted":
        csv("quoted", {column: "STRING" for column in COLUMNS}).createTempView("quoted")
        spark.sql(CAST).write.mode("overwrite").partitionBy("date_id").orc(target)
    elif work == "joins":
        for table, columns in (("sales", COLUMNS), ("customer", CUSTOMER), ("product", PRODUCT)):
            csv(table, columns).createTempView(table)
        spark.sql(JOINED).write.mode("overwrite").partitionBy("date_id").orc(target)
    elif work == "small-files":
        csv("small", COLUMNS).write.mode("overwrite").orc(target)
    elif work == "thousand":
        csv("history", COLUMNS).write.mode("overwrite").partitionBy("date_id").orc(target)
    elif work == "overwrite-one":
        from pyspark.sql.functions import lit

        day = csv("day", COLUMNS).withColumn("date_id", lit(20260500))
        day.write.mode("overwrite").partitionBy("date_id").orc(target)
    else:
        found = spark.read.orc(target).where("date_id = 20260600").selectExpr("count(*)", "sum(product_id)").collect()[0]
        answer = [found[0], found[1]]
    seconds = time.perf_counter() - started
    java = spark.sparkContext._gateway.proc.pid
    own = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "seconds": seconds,
        "process_seconds": time.time() - born,
        "cpu_seconds": cpu_of(java) + own.ru_utime + own.ru_stime,
        "peak_mebibytes": peak_of(java) + peak_of("self"),
    }
    if answer is None:
        found = spark.read.orc(target).selectExpr("count(*)", "sum(product_id)").collect()[0]
        answer = [found[0], found[1]]
    spark.stop()
    return {**figures, "answer": [int(value or 0) for value in answer]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", required=True)
    parser.add_argument("--work", nargs=2, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--directory", required=True)
    arguments = parser.parse_args()
    work, case = arguments.work
    run = duckdb_case if arguments.engine == "duckdb" else spark_case
    figures = run(case, work == "prepare", arguments.directory, arguments.threads, BORN)
    print(json.dumps(figures))


main()
