// The bench's ONNX Runtime engine; the protocol is worker.c's.
//
//     node ort_worker.js MODEL.onnx IMAGE SPECTROGRAM BATCH THREADS ROWSxCOLUMNS
//
// ROWSxCOLUMNS is the spectrogram's shape. NODE_PATH must lead to onnxruntime-node.
'use strict';
const fs = require('fs');
const readline = require('readline');
const ort = require('onnxruntime-node');

function readTensor(path, shape) {
    const count = shape.reduce((a, b) => a * b);
    const bytes = fs.readFileSync(path).subarray(0, 4 * count);
    return new ort.Tensor('float32', new Float32Array(bytes.buffer, bytes.byteOffset, count), shape);
}

async function main() {
    const [model, image, spectrogram, batch, threads, shape] = process.argv.slice(2);
    const shapes = {image: [3, 224, 224], spectrogram: [1, ...shape.split('x').map(Number)]};
    const paths = {image, spectrogram};
    const start = process.hrtime.bigint();
    const session = await ort.InferenceSession.create(model, {
        executionProviders: ['cpu'],
        graphOptimizationLevel: 'all',
        executionMode: 'sequential',
        intraOpNumThreads: Number(threads),
        interOpNumThreads: 1,
    });
    const loaded = process.hrtime.bigint();
    const feeds = {};
    for (const name of session.inputNames)
        feeds[name] = readTensor(paths[name], [Number(batch), ...shapes[name]]);
    const out = await session.run(feeds);
    console.log(JSON.stringify({
        version: ort.env.versions.node,
        load_ns: Number(loaded - start),
        prepare_ns: 0,
        result: Array.from(out[session.outputNames[0]].data.slice(0, 8)),
    }));
    for await (const line of readline.createInterface({input: process.stdin})) {
        await session.run(feeds);
        const times = [];
        for (let i = Number(line.split(' ')[1]); i > 0; i--) {
            const begin = process.hrtime.bigint();
            await session.run(feeds);
            times.push(process.hrtime.bigint() - begin);
        }
        console.log(times.join(' '));
    }
}

main();
